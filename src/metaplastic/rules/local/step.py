"""The step that a weight change becomes: its size over the inner loop, and the turn it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from metaplastic.base_model import unit_norm

if TYPE_CHECKING:
    from metaplastic.rules.local.settings import LocalSettings

RATE_RANGE = 1.0  # learned factors of the inner step stay within e^-1 .. e^1
POSITIONS = 3  # layers that see the inputs, those between, the one that gives the features


class Rates(NamedTuple):
    """The size of a step: radians for receptive fields, a share for biases."""

    weights: Float[Array, ""]
    biases: Float[Array, ""]


def inner_steps(settings: LocalSettings, log_rate: Float[Array, " 2"], t: Int[Array, ""]) -> Rates:
    """`η_t = η_0 exp(tanh(log_rate)) (1 + s t / t½)^-p`, with s = 2^(1/p) - 1: for every power p it
    has halved at the half-life t½."""
    power = settings.decay_power
    stretch = (2.0 ** (1.0 / power) - 1.0) if power > 0 else 0.0
    fall = (1.0 + stretch * jnp.asarray(t, log_rate.dtype) / settings.half_life) ** -power
    factor = jnp.exp(RATE_RANGE * jnp.tanh(log_rate))
    rates = settings.inner_step * fall * factor
    return Rates(rates[0], rates[1])


def turn(
    w: Float[Array, "fan_in units"], change: Float[Array, "fan_in units"], rate: Array
) -> Float[Array, "fan_in units"]:
    """Turn unit-norm receptive fields towards `change` by an angle of at most `rate`:
    `W ← unit(W + η (ΔW - W Wᵀ ΔW))`, column by column, ΔW being `change / √n`."""
    change = change / w.shape[0] ** 0.5
    along = jnp.sum(w * change, axis=0, keepdims=True)
    return unit_norm(w + rate * (change - w * along))


def turn_bias(
    bias: Float[Array, " units"], drive: Float[Array, " units"], rate: Array
) -> Float[Array, " units"]:
    """`b ← b + η (drive - b / 2)`: a leaky sum, which stays within twice the largest drive."""
    return bias + rate * (drive - 0.5 * bias)


def pull(
    drive: Float[Array, " units"], resting: Float[Array, ""], x: Float[Array, "cells units"]
) -> Float[Array, " units"]:
    """The drive of biases that have a resting value, which they reach where nothing else drives
    them. `x` is the units' activity.

    Upwards it counts by as much of a unit's variance, which is one before its activation, as gets
    through: a rectified unit that is always on hands on what is below it, a step unit nothing.
    """
    both = drive + 0.5 * resting
    return jnp.where(both > 0, both * jnp.minimum(jnp.var(x, axis=0), 1.0), both)


def position(layer: int, layers: int) -> int:
    """Which row of θ's weights by position is that of weight matrix `layer`, of `layers`."""
    if layer == layers - 1:
        return POSITIONS - 1
    return 0 if layer == 0 else 1
