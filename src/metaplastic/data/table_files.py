"""Tables of numbers: npz files in the folder `tables` of the data directory.

Each holds `X` (n, d), `y` (n,) and, if rows belong together, `groups` (n,).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.locate import candidate_dirs, search_roots
from metaplastic.data.parsers.npz import read_npz
from metaplastic.errors import DataError

FOLDER = "tables"


class Table(NamedTuple):
    """The arrays of a file: rows (n, d), labels (n,) from 0, and groups (n,) or None."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    groups: NDArray[np.int64] | None


def find_table(name: str, where: Path | str | Sequence[Path] | None = None) -> Path:
    """Return the file `tables/NAME.npz` of the first of the data directories that has it.

    Raises `DataError` if none has.
    """
    roots = search_roots(where) if where is None or isinstance(where, str | Path) else where
    for directory in candidate_dirs(roots, (FOLDER,)):
        if (directory / f"{name}.npz").is_file():
            return directory / f"{name}.npz"
    raise DataError(
        f"{name}: {FOLDER}/{name}.npz not found in {', '.join(map(str, roots))}; give the "
        f"directory that holds the folder {FOLDER!r} with --data-dir"
    )


def read_table(path: Path) -> Table:
    """Read and check a file. Raises `DataError` describing what is wrong with it."""
    arrays = read_npz(path, ("X", "y", "groups"))
    if missing := {"X", "y"} - set(arrays):
        raise DataError(f"{path}: no array {' and '.join(sorted(missing))}; a table has X and y")
    x, y = arrays["X"], arrays["y"]
    if x.ndim != 2 or x.dtype.kind not in "biuf" or 0 in x.shape:
        raise DataError(f"{path}: X is {x.dtype} of shape {x.shape}; expected a matrix of numbers")
    x = np.asarray(x, np.float32)
    if not np.isfinite(x).all():
        raise DataError(f"{path}: X has {int((~np.isfinite(x)).sum())} missing or infinite values")
    given = [y, arrays["groups"]] if "groups" in arrays else [y]
    if any(array.shape != (len(x),) for array in given):
        raise DataError(f"{path}: X has {len(x)} rows, but y or groups has a different number")
    codes = [np.unique(array, return_inverse=True)[1].astype(np.int64) for array in given]
    return Table(x, codes[0], codes[1] if len(codes) > 1 else None)
