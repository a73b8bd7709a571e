"""The terms of the local rule's weight change, mixed with learned weights, and the step they make.

Every term is (N_{l-1}, N_l), in units of the receptive fields' rms. `low_rank` carries what the
update networks say; the others are fixed: decorrelation, decay of large weights, and Oja's subspace
rule, which keeps in a layer as much as it can of the variance below it (Oja, 1989, "Neural
networks, principal components, and subspaces").
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from metaplastic.base_model import unit_norm
from metaplastic.rules import lateral

TERMS = 3  # low rank, decorrelation, decay of large weights
PLACES = 3  # layers that see the inputs, those between, the one that gives the features


def place(layer: int, layers: int) -> int:
    """Which row of the weights is that of weight matrix `layer`, of `layers`."""
    if layer == layers - 1:
        return PLACES - 1
    return 0 if layer == 0 else 1


def weight_change(
    w: Float[Array, "below above"],
    pre: Float[Array, "C batch below"],
    post: Float[Array, "C batch above"],
    corr: lateral.Correlation,
    weights: Float[Array, " terms"],
    x: Float[Array, "batch below"],
) -> Float[Array, "below above"]:
    """The terms mixed by `weights`, the subspace term where they are four; rms below 1 over each
    receptive field. `w` has receptive fields of unit norm, `x` is the activity below."""
    channels, batch, _ = pre.shape
    pre = pre - jnp.mean(pre, axis=1, keepdims=True)
    low_rank = jnp.einsum("cbm,cbn->mn", pre, post) / (batch * channels**0.5)
    scaled = w * w.shape[0] ** 0.5
    terms = [low_rank * w.shape[0] ** 0.25, -corr.after(scaled), -scaled * jnp.abs(scaled)]
    mixed = jnp.einsum("t,tmn->mn", weights[:TERMS], jnp.stack([_bounded(t) for t in terms]))
    if weights.shape[0] > TERMS:
        # not bounded: near its fixed point it must be as small as it is
        mixed = mixed + weights[TERMS] * subspace(w, x)
    return _bounded(mixed)


def subspace(
    w: Float[Array, "below above"], x: Float[Array, "batch below"]
) -> Float[Array, "below above"]:
    """Oja's subspace rule, (cov(x, y) - w cov(y)) / mean var(y) with y = x w, in units of rms.

    Zero where `w` spans an invariant subspace of cov(x) with orthonormal columns. Covariances
    between units above count within groups only, as every lateral term.
    """
    centred = x - jnp.mean(x, axis=0, keepdims=True)
    y = centred @ w
    spread = jnp.mean(y * y) + 1e-6
    towards = centred.T @ y / x.shape[0]
    return (towards - lateral.covariance(y).after(w)) * (w.shape[0] ** 0.5 / spread)


def pull(
    drive: Float[Array, " units"], resting: Float[Array, ""], x: Float[Array, "batch units"]
) -> Float[Array, " units"]:
    """The drive of biases that have a resting value, which they reach where nothing else drives
    them. `x` is the units' activity.

    Upwards it counts by as much of a unit's variance, which is one before its activation, as gets
    through: a rectified unit that is always on hands on what is below it, a step unit nothing.
    """
    both = drive + 0.5 * resting
    return jnp.where(both > 0, both * jnp.minimum(jnp.var(x, axis=0), 1.0), both)


def turn(w: Array, change: Array, rate: Array) -> Array:
    """Turn unit-norm receptive fields towards `change`, by an angle of at most `rate`."""
    change = change / w.shape[0] ** 0.5
    along = jnp.sum(w * change, axis=0, keepdims=True)
    return unit_norm(w + rate * (change - w * along))


def _bounded(change: Float[Array, "below above"]) -> Float[Array, "below above"]:
    """Keeps small changes as they are and holds the rms over a receptive field below 1."""
    return change * jax.lax.rsqrt(1.0 + jnp.mean(change * change, axis=0, keepdims=True))
