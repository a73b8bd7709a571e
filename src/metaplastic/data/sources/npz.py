"""npz:PATH — arrays saved with numpy.savez."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaplastic.data.arrays import from_arrays
from metaplastic.data.dataset import Card, Dataset
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
    summary="arrays x and y, or x_train, y_train, x_test and y_test",
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


def is_sparse(path: Path) -> bool:
    """Return whether scipy.sparse.save_npz wrote a file. Raises DataError if it is not .npz."""
    return {"data", "format", "shape"} <= {name.removesuffix(".npy") for name in member_names(path)}


def read_pairs(path: Path) -> dict[str, tuple[Any, Any]]:
    """Read the inputs and labels of "train" and, if the file has one, of "test".

    Labels are None if the file has none. Raises DataError if it holds no inputs.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist or is no file; give the path of a .npz file")
    arrays = read_npz(path)
    for labelled in (True, False):
        for x, y, x_test, y_test in _PAIRS:
            if x not in arrays or (labelled and y not in arrays):
                continue
            pairs = {"train": (arrays[x], arrays.get(y))}
            if x_test in arrays:
                pairs["test"] = arrays[x_test], arrays.get(y_test)
            return pairs
    raise DataError(
        f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; expected x and y, or "
        "x_train, y_train, x_test and y_test"
    )


def _load(request: Request) -> Dataset:
    path = user_path(request.rest)
    pairs = read_pairs(path)
    for split, (_, labels) in pairs.items():
        if labels is None:
            raise DataError(
                f"{path}: no labels for the {split} examples; expected x and y, or "
                "x_train, y_train, x_test and y_test"
            )
    return from_arrays(
        *pairs["train"], *pairs.get("test", ()), name=f"npz:{path}", origin=str(path)
    )


SOURCE = Source(CARD, _load, is_scheme=True, example="npz:PATH")
