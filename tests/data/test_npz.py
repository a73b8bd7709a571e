"""Arrays of a .npz file beyond those of train and test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metaplastic.data import load
from metaplastic.data.rows import read_rows


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_arrays_that_are_left_out_are_named() -> None:
    x, y = np.arange(60, dtype=np.float32).reshape(15, 4), np.arange(15) % 3
    np.savez("w.npz", x=x, y=y, weights=y, ids=y)
    note = "2 arrays left out: ids, weights"
    assert note in read_rows("w.npz").notes
    assert note in load("npz:w.npz").notes


@pytest.mark.parametrize("word", ["val", "valid", "validation"])
def test_a_validation_split_in_arrays(word: str) -> None:
    x, y = np.arange(60, dtype=np.float32).reshape(15, 4), np.arange(15) % 3
    parts = {"x_train": x, "y_train": y, f"x_{word}": x[:6], f"y_{word}": y[:6]}
    np.savez("v.npz", **parts)
    dataset = load("npz:v.npz")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 15, "test": 6}
    assert dataset.notes == ("the validation split serves as test split",)
    assert len(read_rows("v.npz", split="validation").values) == 6
    np.savez("v.npz", **parts, x_test=x[:4], y_test=y[:4])
    dataset = load("npz:v.npz")
    assert [*map(len, dataset.splits.values())] == [15, 4, 6]
    np.testing.assert_array_equal(dataset.split("validation").labels, y[:6])
    assert "not used: 4 of 'test', 6 of 'validation'" in read_rows("v.npz").notes[0]
