"""A random φ: receptive fields of unit norm, zero biases.

Batch norm makes the scale of a receptive field irrelevant to the features, so unit norm is no
restriction. Each layer is drawn from keys of its own, so that a caller can compile the draw of a
layer once and use it wherever the shape recurs (the encoder does).
"""

from __future__ import annotations

from collections.abc import Iterable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PRNGKeyArray

from metaplastic.base_model.connection import Connection, Shape
from metaplastic.base_model.layer import Layer, unit_norm
from metaplastic.base_model.model import Phi
from metaplastic.base_model.spec import ModelSpec, perceptron


def initialise(
    key: PRNGKeyArray,
    model: ModelSpec | Iterable[int],
    activation: str = "relu",
    *,
    backward: bool = False,
) -> Phi:
    """Draw a random φ; with `backward`, also separate backward weights.

    `model` describes the base model; sizes (N_0, ..., N_L) describe a perceptron with that
    `activation`. Raises `ConfigError` if the sizes are invalid or the activation is unknown.
    """
    spec = model if isinstance(model, ModelSpec) else perceptron(model, activation)
    forward_keys, backward_keys = layer_keys(key, len(spec.layers))
    layers = [
        random_layer(forward_key, backward_key if backward else None, connection, below)
        for forward_key, backward_key, (below, connection) in zip(
            forward_keys, backward_keys, spec.wired, strict=True
        )
    ]
    return Phi(tuple(layers), spec)


def layer_keys(
    key: PRNGKeyArray, layers: int
) -> tuple[Key[Array, " layers"], Key[Array, " layers"]]:
    """Return the keys of all layers' weights, and of their backward weights."""
    forward_key, backward_key = jax.random.split(key)
    return jax.random.split(forward_key, layers), jax.random.split(backward_key, layers)


def random_layer(
    key: PRNGKeyArray, backward_key: PRNGKeyArray | None, connection: Connection, below: Shape
) -> Layer:
    """Draw a layer that reads activity of shape `below`; without a second key, it has no backward
    weights."""

    def receptive_fields(key: PRNGKeyArray) -> Float[Array, "fan_in units"]:
        return unit_norm(jax.random.normal(key, (connection.fan_in(below), connection.units)))

    backward = None if backward_key is None else receptive_fields(backward_key)
    bias = jnp.zeros(connection.units)
    return Layer(receptive_fields(key), bias, backward, connection, below)
