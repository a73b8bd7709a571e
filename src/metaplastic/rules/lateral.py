"""What the units of one layer tell each other: correlations and competition.

All of it is permutation equivariant over units and over examples. Activities are
(batch, units); channels, where there are any, come first, so that every array is a stack of
contiguous (batch, units) planes.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SHARPNESS = (2.0, 6.0)
CHANNELS = 4 + len(SHARPNESS)


def standardise_units(x: Float[Array, "batch units"]) -> Float[Array, "batch units"]:
    """Zero mean and unit variance over the batch, per unit; constant units go to zero."""
    centred = x - jnp.mean(x, axis=0, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, axis=0, keepdims=True) + 1e-4)


def correlation(x_hat: Float[Array, "batch units"]) -> Float[Array, "units units"]:
    """Off-diagonal correlations between units, from activities already standardised."""
    units = x_hat.shape[1]
    return (x_hat.T @ x_hat) / x_hat.shape[0] * (1.0 - jnp.eye(units, dtype=x_hat.dtype))


def lateral_features(
    z: Float[Array, "batch units"],
    x_hat: Float[Array, "batch units"],
    corr: Float[Array, "units units"],
) -> Float[Array, "channels batch units"]:
    """What the update network of a unit is told of its neighbours on each example.

    The activity that the others predict for it (decorrelation); its share of a softmax over the
    layer at two sharpnesses, and its distance to the layer's maximum (competition); its distance
    to the layer's mean; the layer's mean itself.
    """
    predicted = x_hat @ (corr * jax.lax.rsqrt(0.1 + jnp.sum(corr * corr, axis=0, keepdims=True)))
    top = jnp.max(z, axis=1, keepdims=True)
    mean = jnp.mean(z, axis=1, keepdims=True)
    shares = []
    for sharpness in SHARPNESS:
        weight = jnp.exp(sharpness * (z - top))
        shares.append(weight / jnp.sum(weight, axis=1, keepdims=True))
    return jnp.stack([predicted, z - top, z - mean, jnp.broadcast_to(mean, z.shape), *shares])
