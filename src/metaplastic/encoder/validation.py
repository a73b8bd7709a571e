"""scikit-learn's checks of the input, with every kind of number kept as it is.

Integers, booleans and half precision become floating-point numbers in blocks and minibatches, never
as a whole: a memory map of bytes stays one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

# an input of another kind, as one of objects, becomes the first
_KEPT = [np.dtype(kind) for kind in "dfe?bBhHiIqQ"]


def validated(encoder: BaseEstimator, X: Any, *, reset: bool) -> Any:
    """`X` as a matrix, dense or CSR, of numbers; raises scikit-learn's ValueError."""
    return validate_data(encoder, X, reset=reset, accept_sparse="csr", dtype=_KEPT)
