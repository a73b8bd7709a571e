"""npz:PATH — arrays saved by numpy.savez."""

from __future__ import annotations

from pathlib import Path

from metaplastic.data.arrays import from_arrays
from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.parsers.npz import read_npz
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError

CARD = Card(
    name="npz",
    title="arrays saved by numpy.savez",
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


def _load(request: Request) -> Dataset:
    path = Path(request.rest).expanduser()
    if not path.is_file():
        raise DataError(f"{path} is not there, or no file; give the path of a .npz file")
    arrays = read_npz(path)
    for names in _PAIRS:
        x, y, x_test, y_test = (arrays.get(name) for name in names)
        if x is not None and y is not None:
            both = x_test is not None and y_test is not None
            return from_arrays(
                x,
                y,
                x_test if both else None,
                y_test if both else None,
                name=f"npz:{path}",
                origin=str(path),
            )
    raise DataError(
        f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; expected x and y, or "
        "x_train, y_train, x_test and y_test"
    )


SOURCE = Source(CARD, _load, is_scheme=True, example="npz:PATH")
