"""How durations are said, and that there is one way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import metaplastic
from metaplastic.durations import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1.0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61.0, "1 min 1 s"),
        (3599.0, "59 min 59 s"),
        (3600.0, "1 h"),
        (3629.0, "1 h"),
        (3689.0, "1 h 1 min"),
        (7190.0, "2 h"),
        (86_400.0, "1 d"),
        (90_000.0, "1 d 1 h"),
        (86_400.0 * 1234 + 60, "1,234 d"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_there_is_one_function_for_it() -> None:
    root = Path(metaplastic.__file__).parent
    modules = [
        path.name
        for path in root.rglob("*.py")
        if re.search(r"def _?(duration|elapsed|format_seconds)", path.read_text(encoding="utf-8"))
    ]
    assert modules == ["durations.py"]
