"""Lateral terms: correlations and competition between the units of one layer.

All of it happens within groups: a layer of up to `GROUP` units is one, a wider one is cut into as
few equal ones as hold it, so that a unit of 10,000 competes with no more units than one of 128 (a
rule meta-trained on narrow layers sees inputs of the size it knows). It is equivariant to orders of
units within their groups, and to orders of examples. Activities are (batch, units); channels, where
there are any, come first, so that every array is a stack of contiguous (batch, units) planes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SHARPNESS = (2.0, 6.0)
CHANNELS = 4 + len(SHARPNESS)
GROUP = 128  # units that compete, at most: the widest layer that rules have been meta-trained on


class _Run(NamedTuple):
    """Neighbouring groups of one size."""

    units: slice
    groups: int


class Correlation(NamedTuple):
    """Correlations or covariances C of the units of a group, (groups, size, size) for every run of
    groups of one size; between units of different groups they count as zero."""

    blocks: tuple[Float[Array, "_groups _size _size"], ...]

    def after(self, rows: Float[Array, "rows units"]) -> Float[Array, "rows units"]:
        """`rows @ C`."""
        return _by_group(lambda part, block: part @ block, rows, self.blocks)


def standardise_units(x: Float[Array, "batch units"]) -> Float[Array, "batch units"]:
    """Zero mean and unit variance over the batch, per unit; constant units go to zero."""
    centred = x - jnp.mean(x, axis=0, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, axis=0, keepdims=True) + 1e-4)


def correlation(x_hat: Float[Array, "batch units"]) -> Correlation:
    """Correlations between different units, from activities already standardised."""

    def block(part: Array) -> Array:
        off_diagonal = 1.0 - jnp.eye(part.shape[1], dtype=part.dtype)
        return (part.T @ part) / part.shape[0] * off_diagonal

    return _blocks(block, x_hat)


def covariance(centred: Float[Array, "batch units"]) -> Correlation:
    """Covariances between units, their variances with them, from centred activities."""
    return _blocks(lambda part: (part.T @ part) / part.shape[0], centred)


def lateral_features(
    z: Float[Array, "batch units"], x_hat: Float[Array, "batch units"], corr: Correlation
) -> Float[Array, "channels batch units"]:
    """What the update network of a unit sees of the other units of its group on each example.

    The activity that they predict for it (decorrelation); its share of a softmax over the group at
    two sharpnesses, and its distance to the group's maximum (competition); its distance to the
    group's mean; the group's mean itself.
    """

    def features(both: Array, block: Array) -> Array:
        z, x_hat = both
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
    """The groups of a layer: as few as there can be, their sizes equal or one apart."""
    groups = -(-units // GROUP)
    size, larger = divmod(units, groups)
    border = larger * (size + 1)
    runs = [_Run(slice(0, border), larger), _Run(slice(border, units), groups - larger)]
    return [run for run in runs if run.groups]


def _split(part: Float[Array, "... units"], run: _Run) -> Float[Array, "groups ... size"]:
    return jnp.moveaxis(part.reshape(*part.shape[:-1], run.groups, -1), -2, 0)


def _blocks(f: Callable[[Array], Array], x: Float[Array, "batch units"]) -> Correlation:
    """`f` of every group's activities, one (size, size) block each."""
    return Correlation(
        tuple(jax.vmap(f)(_split(x[:, run.units], run)) for run in _runs(x.shape[1]))
    )


def _by_group(
    f: Callable[[Array, Array], Array],
    values: Float[Array, "... units"],
    blocks: tuple[Float[Array, "_groups _size _size"], ...],
) -> Float[Array, "... units"]:
    """`f` of every group's values and its block, the groups side by side again."""
    results = []
    for run, block in zip(_runs(values.shape[-1]), blocks, strict=True):
        part = values[..., run.units]
        if run.groups == 1:
            results.append(f(part, block[0]))
        else:
            found = jnp.moveaxis(jax.vmap(f)(_split(part, run), block), 0, -2)
            results.append(found.reshape(*found.shape[:-2], -1))
    return results[0] if len(results) == 1 else jnp.concatenate(results, axis=-1)
