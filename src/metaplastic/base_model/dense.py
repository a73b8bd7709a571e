"""Layer kind `dense`: every unit reads the whole layer below."""

from __future__ import annotations

import math
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.base_model.connection import Connection, Shape


class Dense(Connection):
    """`a = x W`, with W (N_{l-1}, N_l). A map below is flattened, position by position.

    With `pool`, a map below is first averaged over a grid of `pool` × `pool` regions.
    """

    kind: ClassVar[str] = "dense"

    pool: int | None = Field(
        default=None,
        ge=1,
        description="average a map below over a grid with this many regions per side; if not set, "
        "every position is read",
    )

    def above(self, below: Shape) -> Shape:
        return (self.units,)

    def fan_in(self, below: Shape) -> int:
        return math.prod(pooled_shape(below, self.pool))

    def linear(
        self, x: Float[Array, "batch *below"], w: Float[Array, "fan_in units"]
    ) -> Float[Array, "batch units"]:
        if self.pool is not None:
            x = pool(x, self.pool)
        return x.reshape(x.shape[0], -1) @ w


def pool(x: Float[Array, "batch *shape"], grid: int) -> Float[Array, "batch *pooled"]:
    """Average a map (batch, height, width, units) over grid × grid regions, which overlap by a row
    if the grid does not divide the map. Vectors are returned unchanged."""
    if x.ndim != 4:
        return x
    rows, columns = (jnp.asarray(regions(n, grid), x.dtype) for n in x.shape[1:3])
    return jnp.einsum("gh,bhwc,kw->bgkc", rows, x, columns)


def pooled_shape(shape: Shape, grid: int | None) -> Shape:
    """Return the shape of an example after pooling; unchanged without a grid."""
    if grid is None or len(shape) != 3:
        return shape
    return (min(grid, shape[0]), min(grid, shape[1]), shape[2])


def regions(length: int, grid: int) -> np.ndarray:
    """Return the matrix (grid, length) that averages over regions of a side, with at most `length`
    rows."""
    grid = min(grid, length)
    weights = np.zeros((grid, length))
    for i in range(grid):
        region = slice(i * length // grid, -(-(i + 1) * length // grid))
        weights[i, region] = 1.0 / (region.stop - region.start)
    return weights
