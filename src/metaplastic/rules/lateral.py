"""What the units of one layer tell each other: correlations and competition.

All of it is permutation equivariant over units and over examples. Activities are
(batch, units); channels, where there are any, come first, so that every array is a stack of
contiguous (batch, units) planes.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SHARPNESS = (2.0, 6.0)
CHANNELS = 4 + len(SHARPNESS)
WIDTH = 128  # what many correlated neighbours predict together grows as the root of their number


class Correlation(NamedTuple):
    """Off-diagonal correlations C (N, N) between the units of a layer.

    C is kept as a matrix only where products with it are cheaper than through the activities it
    is made of; a layer of 10,000 units never makes one.
    """

    x_hat: Float[Array, "batch units"]
    matrix: Float[Array, "units units"] | None

    def after(self, rows: Float[Array, "rows units"]) -> Float[Array, "rows units"]:
        """`rows @ C`."""
        if self.matrix is not None:
            return rows @ self.matrix
        whole = (rows @ self.x_hat.T) @ self.x_hat / len(self.x_hat)
        return whole - rows * self._diagonal()[None]

    def squares(self) -> Float[Array, " units"]:
        """Column sums of C²."""
        if self.matrix is not None:
            return jnp.sum(self.matrix * self.matrix, axis=0)
        batch = len(self.x_hat)
        through = (self.x_hat @ self.x_hat.T) @ self.x_hat
        whole = jnp.sum(self.x_hat * through, axis=0) / batch**2
        return jnp.maximum(whole - self._diagonal() ** 2, 0.0)

    def _diagonal(self) -> Float[Array, " units"]:
        return jnp.mean(self.x_hat * self.x_hat, axis=0)


def standardise_units(x: Float[Array, "batch units"]) -> Float[Array, "batch units"]:
    """Zero mean and unit variance over the batch, per unit; constant units go to zero."""
    centred = x - jnp.mean(x, axis=0, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, axis=0, keepdims=True) + 1e-4)


def correlation(x_hat: Float[Array, "batch units"]) -> Correlation:
    """Correlations between units, from activities already standardised."""
    batch, units = x_hat.shape
    if units > 2 * batch:
        return Correlation(x_hat, None)
    off_diagonal = 1.0 - jnp.eye(units, dtype=x_hat.dtype)
    return Correlation(x_hat, (x_hat.T @ x_hat) / batch * off_diagonal)


def lateral_features(
    z: Float[Array, "batch units"], corr: Correlation
) -> Float[Array, "channels batch units"]:
    """What the update network of a unit is told of its neighbours on each example.

    The activity that the others predict for it (decorrelation), which keeps its size in layers
    wider than `WIDTH`; its share of a softmax over the layer at two sharpnesses, and its distance
    to the layer's maximum (competition); its distance to the layer's mean; the layer's mean itself.
    """
    scale = jax.lax.rsqrt(0.1 + corr.squares())
    if corr.matrix is not None:
        predicted = corr.x_hat @ (corr.matrix * scale[None])
    else:
        predicted = corr.after(corr.x_hat) * scale[None]
    if z.shape[1] > WIDTH:
        predicted = predicted * (WIDTH / z.shape[1]) ** 0.5
    top = jnp.max(z, axis=1, keepdims=True)
    mean = jnp.mean(z, axis=1, keepdims=True)
    shares = []
    for sharpness in SHARPNESS:
        weight = jnp.exp(sharpness * (z - top))
        shares.append(weight / jnp.sum(weight, axis=1, keepdims=True))
    return jnp.stack([predicted, z - top, z - mean, jnp.broadcast_to(mean, z.shape), *shares])
