"""Inputs brought into float32's range by a power of two, which costs no digit.

Inputs whose scale is ordinary are left as they are. Others are multiplied by 2^-k, in float64,
before anything is computed from them in float32: k = `exponent_of(scale)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse

from metaplastic.data.views import Scale

_ORDINARY = 64  # standard deviations from 2^-64 to 2^64 leave float32 room for products

Exponent = NDArray[np.integer]  # one for all inputs, of shape ()


def exponent_of(scale: Scale) -> Exponent:
    """k such that inputs times 2^-k have a standard deviation near 1; 0 where it is ordinary."""
    exponent = np.asarray(np.frexp(scale.std)[1])
    return np.where(np.abs(exponent) > _ORDINARY, exponent, 0)


def times_power(x: Any, exponent: Exponent) -> Any:
    """x · 2^exponent in float64, dense or sparse. Exact short of the ends of float64's range."""
    if issparse(x):
        scaled = x.astype(np.float64)
        scaled.data = np.ldexp(scaled.data, exponent)
        return scaled
    return np.ldexp(np.asarray(x, np.float64), exponent)


def reduced(scale: Scale) -> Scale:
    """The scale of inputs times 2^-k."""
    k = exponent_of(scale)
    if not k.any():
        return scale
    return Scale(np.ldexp(scale.mean, -k), np.ldexp(scale.std, -k))  # pyright: ignore


def entered(x: Any, exponent: Exponent, centre: float, dtype: DTypeLike) -> Any:
    """x · 2^-exponent − centre in `dtype`; sparse where `x` is sparse and `centre` is 0."""
    if issparse(x) and centre != 0.0:
        x = x.toarray()
    if exponent.any():
        x = times_power(x, -exponent)
        return (x if centre == 0.0 else x - centre).astype(dtype)
    if x.dtype != dtype:
        x = x.astype(dtype)
    return x if centre == 0.0 else x - np.asarray(centre, dtype)


def standardised(x: NDArray[np.generic], scale: Scale) -> NDArray[np.float32]:
    """(x − mean) / std of dense rows, computed in float64: a large mean leaves float32 too few
    digits."""
    k = exponent_of(scale)
    if k.any():
        x, scale = times_power(x, -k), reduced(scale)
    centred = np.subtract(x, scale.mean, dtype=np.float64)
    return np.ascontiguousarray(centred / scale.std, np.float32)
