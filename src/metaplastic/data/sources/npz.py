"""npz:PATH — arrays saved with numpy.savez."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from metaplastic.data.arrays import Part, from_splits
from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.layout import VALIDATION_AS_TEST
from metaplastic.data.left_out import list_names, one_line
from metaplastic.data.locate import user_path
from metaplastic.data.parsers.archive import member_names
from metaplastic.data.parsers.npz import read_npz
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError

CARD = Card(
    name="npz",
    title="arrays saved with numpy.savez",
    kind="vector",
    origin="the user's file",
    licence="the user's",
    citation="none",
    role="user",
    summary="arrays x and y, or x_train, y_train, x_test and y_test; also x_val and y_val",
)
_PAIRS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_inputs", "train_labels", "test_inputs", "test_labels"),
    ("x", "y", "", ""),
    ("X", "y", "", ""),
    ("inputs", "labels", "", ""),
    ("images", "labels", "", ""),
    ("data", "labels", "", ""),
    ("data", "target", "", ""),
    ("arr_0", "arr_1", "", ""),
)
_VALIDATION = ("val", "valid", "validation")  # in place of "train" in a name of _PAIRS


def is_sparse(path: Path) -> bool:
    """Return whether scipy.sparse.save_npz wrote a file. Raises DataError if it is not .npz."""
    return {"data", "format", "shape"} <= {name.removesuffix(".npy") for name in member_names(path)}


def read_pairs(path: Path) -> tuple[dict[str, tuple[Any, Any]], tuple[str, ...]]:
    """Read the inputs and labels of "train" and, if the file has them, of "test" and "validation",
    with a note on the arrays that are left out.

    Labels are None if the file has none. Raises DataError if it holds no inputs.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist or is no file; give the path of a .npz file")
    arrays = read_npz(path)
    for labelled in (True, False):
        for x, y, x_test, y_test in _PAIRS:
            if x not in arrays or (labelled and y not in arrays):
                continue
            others = [(x.replace("train", word), y.replace("train", word)) for word in _VALIDATION]
            second = next((pair for pair in others if pair[0] in arrays and "train" in x), ("", ""))
            names = {"train": (x, y), "test": (x_test, y_test), "validation": second}
            names = {split: pair for split, pair in names.items() if pair[0] in arrays}
            used = {name for pair in names.values() for name in pair}
            pairs = {split: (arrays[x], arrays.get(y)) for split, (x, y) in names.items()}
            return pairs, _left_out(arrays.keys() - used)
    raise DataError(
        f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; expected x and y, or "
        "x_train, y_train, x_test and y_test"
    )


def _left_out(names: Collection[str]) -> tuple[str, ...]:
    if not names:
        return ()
    count = f"{len(names)} array{'s' * (len(names) != 1)}"
    return (one_line(f"{count} left out: {list_names(names)}"),)


def _load(request: Request) -> Dataset:
    path = user_path(request.rest)
    pairs, notes = read_pairs(path)
    for split, (_, labels) in pairs.items():
        if labels is None:
            raise DataError(
                f"{path}: no labels for the {split} examples; expected x and y, or "
                "x_train, y_train, x_test and y_test"
            )
    if "test" not in pairs and "validation" in pairs:
        pairs["test"] = pairs.pop("validation")
        notes = (*notes, VALIDATION_AS_TEST)
    parts = {split: Part(*pair) for split, pair in pairs.items()}
    return from_splits(parts, name=f"npz:{path}", origin=str(path), notes=notes)


SOURCE = Source(CARD, _load, is_scheme=True, example="npz:PATH")
