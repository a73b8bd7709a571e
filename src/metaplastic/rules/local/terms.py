"""Terms of the weight change. To add one, write a file with its class and add a line to `TERMS`
with its name and import path.

A term is a matrix (fan-in, units) like the weights, in units of the receptive fields' rms. All
terms but `subspace` are bounded, then mixed with weights from θ (see `weight_change`). Below, W has
receptive fields of unit norm, and `w = √n W` holds their entries in units of rms, n being the
fan-in.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from metaplastic.base_model import Layer, fold
from metaplastic.registry import Registry
from metaplastic.rules import lateral
from metaplastic.rules.local.step import POSITIONS


class Link(NamedTuple):
    """A layer's weights, with the activity and the readouts of the units at both ends.

    `pre` (C channels) is centred over cells. `x` is the activity below, (batch, ...); `x_hat` is
    the standardised activity above, and `correlation` that of the units above.
    """

    layer: Layer
    x: Float[Array, "batch *below"]
    pre: Float[Array, "C cells_below units_below"]
    post: Float[Array, "C cells units"]
    x_hat: Float[Array, "cells units"]
    correlation: lateral.Correlation

    @property
    def w(self) -> Float[Array, "fan_in units"]:
        """The weights in units of their receptive field's rms."""
        return self.layer.weight * self.layer.fan_in**0.5


class Term(abc.ABC):
    """One named contribution to the change of a layer's weights."""

    name: ClassVar[str]
    optional: ClassVar[bool] = False  # off unless a rule's settings switch it on
    bounded: ClassVar[bool] = True
    first_weight: ClassVar[float] = 0.0  # its weight in a fresh rule

    @abc.abstractmethod
    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        """Compute the change, in units of rms."""


class LowRank(Term):
    """`n^¼ Σ_cb pre_cbi post_cbj / (B √C)`, from the readouts of the update networks at both
    ends (paper A.2)."""

    name = "low_rank"
    first_weight = 1.0

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        channels, cells, _ = link.post.shape
        change = link.layer.correlate(link.pre, link.post) / (cells * channels**0.5)
        return change * link.layer.fan_in**0.25


class Decorrelation(Term):
    """`-w corr(x^l)`, with the correlations between different units of a group."""

    name = "decorrelation"
    first_weight = 0.03

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        return -link.correlation.after(link.w)


class Decay(Term):
    """`-w |w|`: large weights shrink."""

    name = "decay"

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        w = link.w
        return -w * jnp.abs(w)


class Subspace(Term):
    """Oja's subspace rule (see `subspace`)."""

    name = "subspace"
    optional = True
    # its size must not be distorted: the term vanishes near its fixed point
    bounded = False
    first_weight = 1.0

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        return subspace(link.layer, link.x)


class Hebbian(Term):
    """`n^¼ corr(x^{l-1}, x^l)`: plain Hebbian learning (released variant)."""

    name = "hebbian"
    optional = True

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        below = lateral.standardise_units(fold(link.x))
        change = link.layer.correlate(below[None], link.x_hat[None]) / link.x_hat.shape[0]
        return change * link.layer.fan_in**0.25


class Growth(Term):
    """`w`: a receptive field keeps its weights, or gives them up if the term's weight is negative
    (released variant)."""

    name = "growth"
    optional = True

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        return link.w


class GatedLowRank(Term):
    """`low_rank · exp(-w²)`: small weights change most (released variant)."""

    name = "gated_low_rank"
    optional = True

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        return LowRank()(link) * jnp.exp(-(link.w**2))


class ScaledLowRank(Term):
    """`low_rank · w`: multiplicative change (released variant)."""

    name = "scaled_low_rank"
    optional = True

    def __call__(self, link: Link) -> Float[Array, "fan_in units"]:
        return LowRank()(link) * link.w


_PACKAGE = "metaplastic.rules.local"

# in the order of θ's term weights
TERMS: Registry[type[Term]] = Registry(
    "term",
    {
        "low_rank": LowRank,
        "decorrelation": Decorrelation,
        "decay": Decay,
        "subspace": Subspace,
        "hebbian": Hebbian,
        "growth": Growth,
        "gated_low_rank": GatedLowRank,
        "scaled_low_rank": ScaledLowRank,
        "whitened_low_rank": f"{_PACKAGE}.whitening:WhitenedLowRank",
        "flattening": f"{_PACKAGE}.flattening:Flattening",
    },
    group="terms",
    base="metaplastic.rules.local.terms:Term",
    named_by="name",
    instances="allowed",
)


def first_weights(
    terms: Sequence[Term], *, by_position: bool, middle_as_top: bool
) -> Float[Array, "*positions terms"]:
    """Return the term weights of a fresh rule. With weights by position, the subspace term starts
    in the top layer only, or with `middle_as_top` in the middle layers too."""
    weights = np.array([term.first_weight for term in terms], np.float32)
    if not by_position:
        return jnp.array(weights)
    weights = np.tile(weights, (POSITIONS, 1))
    for column, term in enumerate(terms):
        if isinstance(term, Subspace):
            weights[:, column] = [0.0, float(middle_as_top), 1.0]
    return jnp.array(weights)


def weight_change(
    link: Link, terms: Sequence[Term], weights: Float[Array, " terms"]
) -> Float[Array, "fan_in units"]:
    """Compute `bound(Σ_t weights_t bound(term_t))`, of rms below 1 over each receptive field."""
    changes = [_bounded(term(link)) if term.bounded else term(link) for term in terms]
    return _bounded(jnp.einsum("t,tmn->mn", weights, jnp.stack(changes)))


def subspace(layer: Layer, x: Float[Array, "batch *below"]) -> Float[Array, "fan_in units"]:
    """Compute Oja's subspace rule, `(cov(x, y) - W cov(y)) √n / mean var(y)` with `y = x W`, which
    keeps in a layer as much as it can of the variance below it (Oja, 1989, "Neural networks,
    principal components, and subspaces").

    It is zero if the columns of W are orthonormal and span an invariant subspace of cov(x). As in
    every lateral term, covariances between units above count within groups only.
    """
    y, covariance, variance = projected(layer, x)
    w = layer.weight
    return (covariance - lateral.covariance(y).after(w)) * (layer.fan_in**0.5 / variance)


class Projected(NamedTuple):
    """Centred pre-activations y of a layer, their covariances with its input, and their mean
    variance."""

    y: Float[Array, "cells units"]
    covariance: Float[Array, "fan_in units"]
    variance: Float[Array, ""]


def projected(layer: Layer, x: Float[Array, "batch *below"]) -> Projected:
    """Compute `y = x W` of centred activity x, cov(x, y) and the mean variance of y."""
    axes = tuple(range(x.ndim - 1))
    centred = x - jnp.mean(x, axis=axes, keepdims=True)
    y = fold(layer.linear(centred))
    variance = jnp.mean(y * y) + 1e-6
    covariance = layer.correlate(fold(centred)[None], y[None]) / y.shape[0]
    return Projected(y, covariance, variance)


def _bounded(change: Float[Array, "fan_in units"]) -> Float[Array, "fan_in units"]:
    """Keep the rms over each receptive field below 1; small changes stay nearly as they are."""
    return change * jax.lax.rsqrt(1.0 + jnp.mean(change * change, axis=0, keepdims=True))
