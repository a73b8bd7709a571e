"""Rescale inputs into float32's range by powers of two, which is exact, and standardise them.

Inputs of an ordinary scale are left unchanged. Others are multiplied by 2^-k, in float64, before
anything is computed from them in float32: k = `exponent_of(scale)`, one for all inputs or, if each
column has its own scale, one per column.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse

if TYPE_CHECKING:
    from metaplastic.encoder.scale import InputScale, Numbers

_ORDINARY = 64  # standard deviations from 2^-64 to 2^64 leave float32 room for products

Exponent = NDArray[np.integer]  # of shape () or (d,)


def exponent_of(scale: InputScale) -> Exponent:
    """Return k such that inputs times 2^-k have a standard deviation near 1; 0 for an ordinary
    scale."""
    exponent = np.asarray(np.frexp(scale.std)[1])
    return np.where(np.abs(exponent) > _ORDINARY, exponent, 0)


def times_power(x: Any, exponent: Exponent) -> Any:
    """Return x · 2^exponent in float64, dense or sparse. Exact unless float64 overflows or
    underflows."""
    if issparse(x):
        scaled = x.astype(np.float64)
        scaled.data = np.ldexp(scaled.data, exponent[x.indices] if exponent.ndim else exponent)
        return scaled
    return np.ldexp(np.asarray(x, np.float64), exponent)


def reduced(scale: InputScale) -> InputScale:
    """Return the scale of inputs times 2^-k."""
    k = exponent_of(scale)
    if not k.any():
        return scale
    return replace(scale, mean=np.ldexp(scale.mean, -k), std=np.ldexp(scale.std, -k))


def prepared(x: Any, scale: InputScale, centre: Numbers, dtype: DTypeLike) -> Any:
    """Return clip(x · 2^-k) − centre in `dtype`, clipped at the scale's limit.

    The result is sparse if `x` is sparse, `centre` is 0 and zeros are within the limit.
    """
    k, bounds = exponent_of(scale), _bounds(scale)
    if issparse(x) and (np.any(centre) or _cuts_zeros(bounds)):
        x = x.toarray()
    if k.any():
        x = times_power(x, -k)
    elif x.dtype != dtype and (bounds is not None or not issparse(x)):
        x = x.astype(np.float64) if bounds is not None else x.astype(dtype)
    if bounds is not None:
        x = _clip(x, *bounds)
    if np.any(centre):
        x = x - np.asarray(centre, x.dtype)
    return x if x.dtype == dtype else x.astype(dtype)


def _bounds(scale: InputScale) -> tuple[Any, Any] | None:
    """Return the bounds to which inputs, times 2^-k, are clipped; None for no clipping."""
    if np.isinf(scale.limit):
        return None
    inner = reduced(scale)
    reach = scale.limit * np.asarray(inner.std)
    return inner.mean - reach, inner.mean + reach


def _cuts_zeros(bounds: tuple[Any, Any] | None) -> bool:
    return bounds is not None and bool(np.any(bounds[0] > 0) or np.any(bounds[1] < 0))


def _clip(x: Any, low: Any, high: Any) -> Any:
    if not issparse(x):
        return np.clip(x, np.asarray(low, x.dtype), np.asarray(high, x.dtype))
    clipped = x.copy()
    clipped.data = np.clip(x.data, low[x.indices], high[x.indices]).astype(x.dtype)
    return clipped


def standardised(x: NDArray[np.generic], scale: InputScale) -> NDArray[np.float32]:
    """Return (x − mean) / std of dense rows, clipped at the limit. Computed in float64, since with
    a large mean float32 has too few digits."""
    k = exponent_of(scale)
    inner = reduced(scale)
    if k.any():
        x = times_power(x, -k)
    centred = np.subtract(x, inner.mean, dtype=np.float64)
    centred = centred / inner.std
    if not np.isinf(scale.limit):
        np.clip(centred, -scale.limit, scale.limit, out=centred)
    return np.ascontiguousarray(centred, np.float32)


def feature_dtype(inputs: DTypeLike) -> np.dtype[Any]:
    """Return the dtype of the features for inputs of dtype `inputs`."""
    dtype = np.dtype(inputs)
    return dtype if dtype == np.float32 or dtype == np.float64 else np.result_type(dtype, "f4")
