"""Lateral terms: correlations and competition between the units of one layer.

Units interact only within groups. A layer of up to `GROUP` units is one group; a wider layer is
split into the smallest possible number of groups of (nearly) equal size. A unit in a layer of
10,000 thus competes with no more units than one in a layer of 128, and a rule meta-trained on
narrow layers sees inputs of a familiar scale. The terms are equivariant to permutations of the
units within a group and of the examples. Activities are (batch, units); channels, if any, come
first, so that every array is a stack of contiguous (batch, units) planes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SHARPNESS = (2.0, 6.0)
CHANNELS = 4 + len(SHARPNESS)
GROUP = 128  # most units in a group: the widest layer that rules have been meta-trained on


class _Run(NamedTuple):
    """A run of adjacent groups of equal size."""

    units: slice
    groups: int


class Correlation(NamedTuple):
    """Correlations or covariances C between the units of each group.

    One array (groups, size, size) for each run of groups of equal size; units of different groups
    count as uncorrelated.
    """

    blocks: tuple[Float[Array, "_groups _size _size"], ...]

    def after(self, rows: Float[Array, "rows units"]) -> Float[Array, "rows units"]:
        """Compute `rows @ C`."""
        return _by_group(lambda part, block: part @ block, rows, self.blocks)


def standardise_units(x: Float[Array, "batch units"]) -> Float[Array, "batch units"]:
    """Scale each unit to zero mean and unit variance over the batch; constant units become zero."""
    centred = x - jnp.mean(x, axis=0, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, axis=0, keepdims=True) + 1e-4)


def correlation(x_hat: Float[Array, "batch units"]) -> Correlation:
    """Compute the correlations `C_ij = mean_b x̂_bi x̂_bj` between different units of a group, from
    standardised activities; C_ii = 0."""

    def block(part: Array) -> Array:
        off_diagonal = 1.0 - jnp.eye(part.shape[1], dtype=part.dtype)
        return (part.T @ part) / part.shape[0] * off_diagonal

    return _blocks(block, x_hat)


def covariance(centred: Float[Array, "batch units"]) -> Correlation:
    """Compute the covariances `C_ij = mean_b x_bi x_bj` of the units of a group, with variances on
    the diagonal, from centred activities."""
    return _blocks(lambda part: (part.T @ part) / part.shape[0], centred)


def lateral_features(
    z: Float[Array, "batch units"], x_hat: Float[Array, "batch units"], corr: Correlation
) -> Float[Array, "channels batch units"]:
    """Compute what the update network of unit j sees of the units i of its group on each example:

        Σ_i x̂_i C_ij / √(0.1 + Σ_i C_ij²)           its activity, predicted from the other units
        z_j - max_i z_i                              its distance to the group's maximum
        z_j - mean_i z_i                             its distance to the group's mean
        mean_i z_i                                   the group's mean
        exp(s z_j) / Σ_i exp(s z_i), s = 2 and 6     its share of a softmax over the group

    z are pre-activations and x̂ standardised activities. The first channel serves decorrelation, the
    distances and shares serve competition.
    """

    def features(z_and_x_hat: Array, block: Array) -> Array:
        z, x_hat = z_and_x_hat
        scale = jax.lax.rsqrt(0.1 + jnp.sum(block * block, axis=0, keepdims=True))
        predicted = x_hat @ (block * scale)
        top = jnp.max(z, axis=1, keepdims=True)
        mean = jnp.mean(z, axis=1, keepdims=True)
        shares = []
        for sharpness in SHARPNESS:
            weight = jnp.exp(sharpness * (z - top))
            shares.append(weight / jnp.sum(weight, axis=1, keepdims=True))
        return jnp.stack([predicted, z - top, z - mean, jnp.broadcast_to(mean, z.shape), *shares])

    return _by_group(features, jnp.stack([z, x_hat]), corr.blocks)


def _runs(units: int) -> list[_Run]:
    """Split a layer into as few groups as possible, of sizes that differ by at most one."""
    groups = -(-units // GROUP)
    size, larger = divmod(units, groups)
    boundary = larger * (size + 1)
    runs = [_Run(slice(0, boundary), larger), _Run(slice(boundary, units), groups - larger)]
    return [run for run in runs if run.groups]


def _split(part: Float[Array, "... units"], run: _Run) -> Float[Array, "groups ... size"]:
    return jnp.moveaxis(part.reshape(*part.shape[:-1], run.groups, -1), -2, 0)


def _blocks(f: Callable[[Array], Array], x: Float[Array, "batch units"]) -> Correlation:
    """Apply `f` to the activities of each group, giving one (size, size) block per group."""
    return Correlation(
        tuple(jax.vmap(f)(_split(x[:, run.units], run)) for run in _runs(x.shape[1]))
    )


def _by_group(
    f: Callable[[Array, Array], Array],
    values: Float[Array, "... units"],
    blocks: tuple[Float[Array, "_groups _size _size"], ...],
) -> Float[Array, "... units"]:
    """Apply `f` to the values and the block of each group and concatenate the results."""
    results = []
    for run, block in zip(_runs(values.shape[-1]), blocks, strict=True):
        part = values[..., run.units]
        if run.groups == 1:
            results.append(f(part, block[0]))
        else:
            result = jnp.moveaxis(jax.vmap(f)(_split(part, run), block), 0, -2)
            results.append(result.reshape(*result.shape[:-2], -1))
    return results[0] if len(results) == 1 else jnp.concatenate(results, axis=-1)
