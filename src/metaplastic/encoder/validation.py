"""scikit-learn's checks of the input, without conversion of its dtype.

Integers, booleans and half precision become floating-point numbers block by block or in
minibatches, never as a whole: a memory map of bytes stays one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

MOST_NAMED = 8  # columns that a message names
# input of any other dtype, such as object, is converted to the first
_ACCEPTED = [np.dtype(kind) for kind in "dfe?bBhHiIqQ"]


def validated(encoder: BaseEstimator, X: Any, *, reset: bool) -> Any:
    """Return `X` as a numeric matrix, dense or CSR.

    Raises scikit-learn's ValueError; for a pandas data frame it also names the columns with text or
    missing values.
    """
    try:
        return validate_data(encoder, X, reset=reset, accept_sparse="csr", dtype=_ACCEPTED)
    except ValueError as error:
        if columns := _invalid_columns(X):
            raise ValueError(f"{error}\n{columns}; fill in, encode or drop them") from None
        raise


def _invalid_columns(X: Any) -> str:
    """Name the columns of a pandas data frame with text or missing values; "" for other data."""
    if not (hasattr(X, "columns") and hasattr(X, "isna") and hasattr(X, "dtypes")):
        return ""
    kinds = {
        "text": [name for name, kind in zip(X.columns, X.dtypes, strict=True) if _is_text(kind)],
        "missing values": X.columns[X.isna().any()].tolist(),
    }
    return "; ".join(
        f"columns with {contents}: {', '.join(map(str, names[:MOST_NAMED]))}"
        + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
        for contents, names in kinds.items()
        if names
    )


def _is_text(kind: Any) -> bool:
    return str(kind) in ("object", "str", "string", "category")
