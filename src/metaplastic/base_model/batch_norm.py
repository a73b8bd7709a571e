"""Batch norm per unit over examples and positions, without a scale; the bias is added after it."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

BN_EPSILON = 1e-5


class Statistics(NamedTuple):
    """Mean and variance that batch norm uses in one layer, each of shape (N_l,)."""

    mean: Float[Array, " units"]
    variance: Float[Array, " units"]


def statistics_of(a: Float[Array, "batch *shape"]) -> Statistics:
    """Compute mean and variance of every unit over examples and, in a map, positions."""
    axes = tuple(range(a.ndim - 1))
    return Statistics(jnp.mean(a, axis=axes), jnp.var(a, axis=axes))


def normalise(a: Float[Array, "batch *shape"], statistics: Statistics) -> Array:
    """Compute `(a - mean) / sqrt(variance + ε)` for every unit."""
    per_unit = (1,) * (a.ndim - 1) + (-1,)
    scale = jax.lax.rsqrt(statistics.variance + BN_EPSILON)
    return (a - statistics.mean.reshape(per_unit)) * scale.reshape(per_unit)
