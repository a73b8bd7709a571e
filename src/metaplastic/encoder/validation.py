"""scikit-learn's checks of the input, with every kind of number kept as it is.

Integers, booleans and half precision become floating-point numbers in blocks and minibatches, never
as a whole: a memory map of bytes stays one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

MOST_NAMED = 8  # columns that a message names
# an input of another kind, as one of objects, becomes the first
_KEPT = [np.dtype(kind) for kind in "dfe?bBhHiIqQ"]


def validated(encoder: BaseEstimator, X: Any, *, reset: bool) -> Any:
    """`X` as a matrix, dense or CSR, of numbers.

    Raises scikit-learn's ValueError; of a pandas data frame it names the columns of text and of
    missing values.
    """
    try:
        return validate_data(encoder, X, reset=reset, accept_sparse="csr", dtype=_KEPT)
    except ValueError as problem:
        if at_fault := _columns_at_fault(X):
            raise ValueError(f"{problem}\n{at_fault}; fill in, encode or drop them") from None
        raise


def _columns_at_fault(X: Any) -> str:
    """Columns of a pandas data frame that hold text or missing values; nothing of other data."""
    if not (hasattr(X, "columns") and hasattr(X, "isna") and hasattr(X, "dtypes")):
        return ""
    kinds = {
        "text": [name for name, kind in zip(X.columns, X.dtypes, strict=True) if _is_text(kind)],
        "missing values": X.columns[X.isna().any()].tolist(),
    }
    return "; ".join(
        f"columns with {what}: {', '.join(map(str, names[:MOST_NAMED]))}"
        + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
        for what, names in kinds.items()
        if names
    )


def _is_text(kind: Any) -> bool:
    return str(kind) in ("object", "str", "string", "category")
