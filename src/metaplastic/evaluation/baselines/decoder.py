"""The decoder of both autoencoders: the base model's hidden layers in reverse, and a linear top."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from metaplastic.base_model import Phi, features, initialise


class Linear(eqx.Module):
    """u @ weight + bias."""

    weight: Float[Array, "below above"]
    bias: Float[Array, " above"]

    def __call__(self, u: Float[Array, "batch below"]) -> Float[Array, "batch above"]:
        return u @ self.weight + self.bias[None]


def make_linear(key: PRNGKeyArray, below: int, above: int, scale: float = 1.0) -> Linear:
    """Gaussian weights of variance scale² / below, and no bias."""
    weight = jax.random.normal(key, (below, above)) * (scale / below**0.5)
    return Linear(weight, jnp.zeros(above))


class Decoder(eqx.Module):
    """Features (n, F) to reconstructed inputs (n, d); batch norm over the batch given."""

    hidden: Phi | None
    top: Linear

    def __call__(self, u: Float[Array, "batch features"]) -> Float[Array, "batch inputs"]:
        return self.top(u if self.hidden is None else features(self.hidden, u))


def make_decoder(
    key: PRNGKeyArray, n_features: int, hidden: Sequence[int], n_inputs: int, activation: str
) -> Decoder:
    """The mirror image of an encoder with those hidden layers."""
    hidden_key, top_key = jax.random.split(key)
    sizes = (n_features, *reversed(hidden))
    phi = initialise(hidden_key, sizes, activation) if hidden else None
    return Decoder(phi, make_linear(top_key, sizes[-1], n_inputs))
