"""A thousand mutations of each kind of file, raw and with digests made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from .attempts import Kind, attempt
from .kinds import KINDS

COUNT = 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "way"),
    [(kind, way) for kind in KINDS for way in kind.ways],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_a_damaged_file_is_refused_or_read_as_it_was(kind: Kind, way: str, tmp_path: Path) -> None:
    tally = attempt(kind, way, COUNT, tmp_path)
    assert tally.wrong == []
    assert tally.refused + tally.read == COUNT
