"""Targets of a regression as numbers: NaN or None where a row has none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from metaplastic.encoder.labels import is_blank


def split_targets(y: Any, count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The targets (n,) and which rows have one.

    NaN means none, and in an array of objects None does too. Raises ValueError for targets of
    another number, that are not numbers or not finite, and where fewer than two rows have one.
    """
    if y is None:
        raise ValueError(
            "requires y to be passed, but the target y is None: give a number, or NaN, for each row"
        )
    y = column_or_1d(y, warn=True, dtype=None)
    if len(y) != count:
        raise ValueError(f"X has {count} rows and y {len(y)} targets; give NaN for unknown ones")
    targets = as_numbers(y)
    if np.isinf(targets).any():
        raise ValueError("Input y contains infinity; give NaN where a target is unknown")
    known = np.isfinite(targets)
    if known.sum() < 2:
        found = "no row has a target" if not known.any() else "one sample alone has a target"
        raise ValueError(f"{found}: y is NaN elsewhere; give the targets of two rows at least")
    return targets, known


def as_numbers(y: NDArray[Any]) -> NDArray[np.float64]:
    """Values (n,) as numbers, NaN where they are NaN, None or pandas' NA. Raises ValueError."""
    if y.dtype.kind == "O":
        y = np.array([np.nan if is_blank(value) else value for value in y], object)
    elif y.dtype.kind not in "biuf":
        raise ValueError(f"targets of type {y.dtype}; give numbers, and NaN where one is unknown")
    try:
        return y.astype(np.float64)
    except (TypeError, ValueError) as problem:
        raise ValueError(
            f"the targets are not all numbers ({problem}); give numbers, and NaN where one is "
            "unknown"
        ) from None
