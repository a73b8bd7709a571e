"""The linear map of each kind of layer in NumPy, and means over the regions of a map.

`base_model` has the same in JAX. Activity is (rows, units), or (rows, height, width, channels).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from metaplastic.base_model import Connection, Conv, Dense, ModelSpec, Shape, regions

CHUNK = 1024  # rows processed at once
PATCHES = 2**20  # numbers that the patches of these rows may hold

Floats = NDArray[np.floating]


def linear(connection: Connection, x: Floats, w: Floats, out: Floats) -> None:
    """Write `connection.linear(x, w)` into `out` (rows, *above), which has the dtype of `x` and
    `w`. A kind of layer without a NumPy version here is computed by JAX."""
    form = _FORMS.get(connection.kind)
    if form is None:
        out[...] = np.asarray(connection.linear(jnp.asarray(x), jnp.asarray(w)))
    else:
        form(connection, x, w, out)


def _dense(connection: Dense, x: Floats, w: Floats, out: Floats) -> None:
    if connection.pool is not None:
        x = pooled(x, connection.pool)
    np.matmul(x.reshape(len(x), -1), w, out=out)


def _conv(connection: Conv, x: Floats, w: Floats, out: Floats) -> None:
    margins = [connection.margins(n) for n in x.shape[1:3]]
    x = np.pad(x, [(0, 0), *margins, (0, 0)])
    fields = (connection.kernel, connection.kernel)
    every = slice(None, None, connection.stride)
    windows = sliding_window_view(x, fields, axis=(1, 2))[:, every, every]
    patches = np.moveaxis(windows, 3, -1).reshape(-1, len(w))  # row, column, channel
    np.matmul(patches, w, out=out.reshape(-1, w.shape[1]))


_FORMS: dict[str, Callable[..., None]] = {"dense": _dense, "conv": _conv}


def pooled(x: Floats, grid: int) -> Floats:
    """Return the mean of a map over each of grid × grid regions; vectors are returned unchanged."""
    if x.ndim != 4:
        return x
    rows, columns = (regions(n, grid).astype(x.dtype) for n in x.shape[1:3])
    count, height, width, channels = x.shape
    x = rows @ x.reshape(count, height, width * channels)
    return columns @ x.reshape(count, len(rows), width, channels)


def read(x: Floats, grid: int | None) -> Floats:
    """Return a layer's activity as a matrix; maps are pooled if there is a grid."""
    if grid is not None:
        x = pooled(x, grid)
    return x.reshape(len(x), -1)


def is_product(connection: Connection, below: Shape) -> bool:
    """Return whether the linear map is just the product of flat rows and the weights."""
    return isinstance(connection, Dense) and (connection.pool is None or len(below) == 1)


def rows_at_once(model: ModelSpec) -> int:
    """Return how many rows to process at once: fewer if a map has many patches."""
    patches = [
        layer.fan_in(below) * math.prod(layer.above(below)[:-1])
        for below, layer in model.wired
        if not is_product(layer, below)
    ]
    return max(1, min(CHUNK, PATCHES // max(patches, default=1)))


def added_later(model: ModelSpec, number: int) -> set[int]:
    """Return the layers, 0 for the inputs, whose activity residual layers above layer `number`
    add to their own."""
    return {
        above - layer.skip
        for above, layer in enumerate(model.layers, start=1)
        if layer.skip and above > number
    }
