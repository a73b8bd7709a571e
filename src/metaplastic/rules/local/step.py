"""The step: its size over the inner loop, and how it changes weights and biases."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from metaplastic.base_model import unit_norm

if TYPE_CHECKING:
    from metaplastic.rules.local.settings import LocalSettings

RATE_RANGE = 1.0  # learned factors of the inner step size stay within e^-1 .. e^1
POSITIONS = 3  # the first, the middle and the top layers


class StepSizes(NamedTuple):
    """The sizes η of a step: an angle in radians for receptive fields, a fraction for biases."""

    weights: Float[Array, ""]
    biases: Float[Array, ""]


def step_sizes(
    settings: LocalSettings, log_rate: Float[Array, " 2"], t: Int[Array, ""]
) -> StepSizes:
    """Compute the step sizes `η_t = η_0 exp(tanh(log_rate)) (1 + s t / t½)^-p`.

    s = 2^(1/p) - 1, so that for every power p the step size has halved at the half-life t½.
    """
    power = settings.decay_power
    stretch = (2.0 ** (1.0 / power) - 1.0) if power > 0 else 0.0
    decay = (1.0 + stretch * jnp.asarray(t, log_rate.dtype) / settings.half_life) ** -power
    factor = jnp.exp(RATE_RANGE * jnp.tanh(log_rate))
    sizes = settings.inner_step * decay * factor
    return StepSizes(weights=sizes[0], biases=sizes[1])


def turn(
    w: Float[Array, "fan_in units"], change: Float[Array, "fan_in units"], rate: Array
) -> Float[Array, "fan_in units"]:
    """Turn unit-norm receptive fields towards `change` by an angle of at most `rate`:
    `W ← unit(W + η (ΔW - W Wᵀ ΔW))`, column by column, with ΔW = `change / √n`."""
    change = change / w.shape[0] ** 0.5
    along = jnp.sum(w * change, axis=0, keepdims=True)
    return unit_norm(w + rate * (change - w * along))


def turn_bias(
    bias: Float[Array, " units"], drive: Float[Array, " units"], rate: Array
) -> Float[Array, " units"]:
    """Update biases, `b ← b + η (drive - b / 2)`: a leaky sum, at most twice the largest drive."""
    return bias + rate * (drive - 0.5 * bias)


def pull(
    drive: Float[Array, " units"], resting: Float[Array, ""], x: Float[Array, "cells units"]
) -> Float[Array, " units"]:
    """Add to the drive of biases a pull towards their resting value, which they reach if nothing
    else drives them. `x` is the units' activity.

    An upward drive is scaled by the share of a unit's variance that its activation passes (the
    variance before the activation is one): a rectified unit that is always on passes all of it, a
    step unit that is always on passes none.
    """
    total = drive + 0.5 * resting
    return jnp.where(total > 0, total * jnp.minimum(jnp.var(x, axis=0), 1.0), total)


def position(layer: int, layers: int) -> int:
    """Return the row of θ's by-position weights for weight matrix `layer` of `layers`."""
    if layer == layers - 1:
        return POSITIONS - 1
    return 0 if layer == 0 else 1
