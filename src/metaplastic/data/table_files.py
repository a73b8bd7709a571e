"""Tables of numbers: npz files of `X` (n, d), `y` (n,) and, where rows belong together, `groups`
(n,), in the folder `tables` of the data directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.locate import places, search_roots
from metaplastic.data.parsers.npz import read_npz
from metaplastic.errors import DataError

FOLDER = "tables"


class Table(NamedTuple):
    """The arrays of a file: rows (n, d), labels (n,) from 0, and groups (n,) or None."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    groups: NDArray[np.int64] | None


def find_table(name: str, where: Path | str | Sequence[Path] | None = None) -> Path:
    """The file `tables/NAME.npz` of the data directory, or of the first of several directories
    that has it. Raises `DataError` where none does."""
    roots = search_roots(where) if where is None or isinstance(where, str | Path) else where
    for place in places(roots, (FOLDER,)):
        if (place / f"{name}.npz").is_file():
            return place / f"{name}.npz"
    raise DataError(
        f"{name}: {FOLDER}/{name}.npz not found in {', '.join(map(str, roots))}; give the "
        f"directory that holds the folder {FOLDER!r} by --data-dir"
    )


def read_table(path: Path) -> Table:
    """Read and check a file. Raises `DataError` naming what of it is not as it should be."""
    arrays = read_npz(path, ("X", "y", "groups"))
    if missing := {"X", "y"} - set(arrays):
        raise DataError(f"{path}: no array {' and '.join(sorted(missing))}; a table has X and y")
    x, y = arrays["X"], arrays["y"]
    if x.ndim != 2 or x.dtype.kind not in "biuf" or 0 in x.shape:
        raise DataError(f"{path}: X is {x.dtype} of shape {x.shape}; it is a matrix of numbers")
    x = np.asarray(x, np.float32)
    if not np.isfinite(x).all():
        raise DataError(f"{path}: X has {int((~np.isfinite(x)).sum())} missing or infinite values")
    given = [y, arrays["groups"]] if "groups" in arrays else [y]
    if any(array.shape != (len(x),) for array in given):
        raise DataError(f"{path}: X has {len(x)} rows, y or groups another number")
    codes = [np.unique(array, return_inverse=True)[1].astype(np.int64) for array in given]
    return Table(x, codes[0], codes[1] if len(codes) > 1 else None)
