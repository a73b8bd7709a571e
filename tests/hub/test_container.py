"""What is written can be read again; what could not be is refused before it replaces a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metaplastic.errors import ModelFileError
from metaplastic.hub import container


@pytest.mark.parametrize(
    ("arrays", "metadata", "words"),
    [
        ({}, {"a": "b", "facts": "x" * 5 * 2**20}, r"takes 5\.0 MiB, and at most 4 MiB .*'facts'"),
        ({"odd": np.ones(2, np.int8)}, {}, r"'odd' has dtype \|i1"),
        ({"odd": np.ones(2, ">f4")}, {}, "'odd' has dtype >f4"),
    ],
)
def test_what_could_not_be_read_is_not_written(
    arrays: dict, metadata: dict, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    container.write(path, {}, {"a": "b"}, ModelFileError)
    with pytest.raises(ModelFileError, match=words):
        container.write(path, arrays, metadata, ModelFileError)
    assert container.read(path, 10**6, ModelFileError).metadata == {"a": "b"}


def test_the_longest_header_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    metadata = {"facts": "x" * (4 * 2**20 - 200)}
    container.write(path, {"a": np.ones(3)}, metadata, ModelFileError)
    assert container.read(path, 10**8, ModelFileError).metadata == metadata


def test_a_longer_header_is_not_called_damage() -> None:
    payload = (5 * 2**20).to_bytes(8, "little") + b" " * 5 * 2**20
    with pytest.raises(ModelFileError, match=r"header has 5,242,880 bytes; at most 4,194,304"):
        container.parse(payload, "a", ModelFileError)
