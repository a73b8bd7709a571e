"""scikit-learn's checks of the input, without conversion of its dtype.

Integers, booleans and half precision become floating-point numbers block by block or in
minibatches, never as a whole: a memory map of bytes stays one.
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

MOST_NAMED = 8  # columns that a message names
# input of any other dtype, such as object, is converted to the first
_ACCEPTED = [np.dtype(kind) for kind in "dfe?bBhHiIqQ"]


def validated(encoder: BaseEstimator, X: Any, *, reset: bool) -> Any:
    """Return `X` as a numeric matrix, dense or CSR.

    Raises scikit-learn's ValueError; for a pandas or Polars data frame it also names the columns
    with text, other objects, missing or infinite values. Raises ValueError for dates and durations,
    which NumPy would convert to numbers, and missing ones to -9.2e18.
    """
    _refuse_dates(X)
    try:
        return validate_data(encoder, X, reset=reset, accept_sparse="csr", dtype=_ACCEPTED)
    except (ValueError, TypeError) as error:  # NumPy raises TypeError for objects
        if columns := _invalid_columns(X):
            raise ValueError(f"{error}\n{columns}; fill in, encode or drop them") from None
        raise


def _refuse_dates(X: Any) -> None:
    advice = "give numbers, such as days since a fixed date, or drop them"
    if _is_frame(X):
        names = [name for name, kind in zip(X.columns, X.dtypes, strict=True) if _is_date(kind)]
        if names:
            raise ValueError(f"columns with dates or durations: {_listed(names)}; {advice}")
    elif _is_date(getattr(X, "dtype", None)):
        raise ValueError(f"X holds dates or durations (dtype {X.dtype}); {advice}")


def _is_date(kind: Any) -> bool:
    if hasattr(kind, "is_temporal"):  # Polars
        return bool(kind.is_temporal())
    return getattr(kind, "kind", "") in ("m", "M") or str(kind).startswith("period")


def _invalid_columns(X: Any) -> str:
    """Name the columns of a data frame that are not all finite numbers; "" for other data."""
    if not _is_frame(X):
        return ""
    found: dict[str, list[Any]] = {}
    for name, values in _columns(X):
        for contents in _faults(values):
            found.setdefault(contents, []).append(name)
    return "; ".join(
        f"columns with {contents}: {_listed(found[contents])}"
        for contents in ("text", "other objects", "missing values", "infinite values")
        if contents in found
    )


def _faults(values: NDArray[Any]) -> Iterator[str]:
    from metaplastic.encoder.labels import is_blank  # an encoder does not need it otherwise

    if values.dtype.kind in "UT":
        yield "text"
    elif values.dtype.kind in "fc":
        if np.isnan(values).any():
            yield "missing values"
        if np.isinf(values).any():
            yield "infinite values"
    elif values.dtype.kind == "O":
        kinds = {type(value) for value in values if not is_blank(value)}
        if any(issubclass(kind, str) for kind in kinds):
            yield "text"
        if not all(issubclass(kind, str | Number | np.bool_) for kind in kinds):
            yield "other objects"
        if any(is_blank(value) for value in values):
            yield "missing values"
        if any(isinstance(value, float) and np.isinf(value) for value in values):
            yield "infinite values"


def _is_frame(X: Any) -> bool:
    """Return whether this is a data frame of pandas or Polars, neither of which is imported."""
    named = hasattr(X, "columns") and hasattr(X, "dtypes")
    return named and (hasattr(X, "iloc") or hasattr(X, "to_series"))


def _columns(X: Any) -> Iterator[tuple[Any, NDArray[Any]]]:
    """Yield name and values of each column of a pandas or Polars frame; names may be repeated."""
    for number, name in enumerate(X.columns):
        column = X.iloc[:, number] if hasattr(X, "iloc") else X.to_series(number)
        yield name, np.asarray(column)


def _listed(names: list[Any]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(str, names[:MOST_NAMED])) + more
