"""The decoder of the autoencoders: the base model's hidden layers in reverse and a linear layer."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from metaplastic.base_model import Phi, features, initialise


class Linear(eqx.Module):
    """A linear layer, u @ weight + bias."""

    weight: Float[Array, "below above"]
    bias: Float[Array, " above"]

    def __call__(self, u: Float[Array, "batch below"]) -> Float[Array, "batch above"]:
        return u @ self.weight + self.bias[None]


def make_linear(key: PRNGKeyArray, below: int, above: int, scale: float = 1.0) -> Linear:
    """Make a layer with Gaussian weights of variance scale² / below and zero bias."""
    weight = jax.random.normal(key, (below, above)) * (scale / below**0.5)
    return Linear(weight, jnp.zeros(above))


class Decoder(eqx.Module):
    """Maps features (n, F) to reconstructed inputs (n, d), with batch norm over the given batch."""

    hidden: Phi | None
    top: Linear

    def __call__(self, u: Float[Array, "batch features"]) -> Float[Array, "batch inputs"]:
        return self.top(u if self.hidden is None else features(self.hidden, u))


def make_decoder(
    key: PRNGKeyArray, n_features: int, hidden: Sequence[int], n_inputs: int, activation: str
) -> Decoder:
    """Make the mirror image of an encoder with the given hidden layers."""
    hidden_key, top_key = jax.random.split(key)
    sizes = (n_features, *reversed(hidden))
    phi = initialise(hidden_key, sizes, activation) if hidden else None
    return Decoder(phi, make_linear(top_key, sizes[-1], n_inputs))
