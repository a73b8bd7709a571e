"""Regression targets as numbers: NaN or None for rows without one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from metaplastic.encoder.labels import is_blank


def split_targets(y: Any, count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the targets (n,) and a mask of the rows that have one.

    NaN means no target, and so does None in an array of objects. Raises ValueError if the number of
    targets is wrong, if they are not numbers or not finite, and if fewer than two rows have one.
    """
    if y is None:
        raise ValueError(
            "requires y to be passed, but the target y is None: give a number, or NaN, for each row"
        )
    y = column_or_1d(y, warn=True, dtype=None)
    if len(y) != count:
        raise ValueError(f"X has {count} rows and y {len(y)} targets; give NaN for unknown targets")
    targets = as_numbers(y)
    if np.isinf(targets).any():
        raise ValueError("Input y contains infinity; give NaN for unknown targets")
    known = np.isfinite(targets)
    if known.sum() < 2:
        reason = "no row has a target" if not known.any() else "only one sample has a target"
        raise ValueError(f"{reason}; give finite values of y for at least two rows")
    return targets, known


def as_numbers(y: NDArray[Any]) -> NDArray[np.float64]:
    """Return values (n,) as numbers, NaN for NaN, None or pandas' NA. Raises ValueError."""
    if y.dtype.kind == "O":
        y = np.array([np.nan if is_blank(value) else value for value in y], object)
    elif y.dtype.kind not in "biuf":
        raise ValueError(f"targets of type {y.dtype}; give numbers, and NaN for unknown targets")
    try:
        return y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the targets are not all numbers ({error}); give numbers, and NaN for unknown targets"
        ) from None
