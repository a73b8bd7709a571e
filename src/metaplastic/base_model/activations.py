"""Activations of base models, by name."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from metaplastic.registry import Registry

ACTIVATIONS: Registry[Callable[[Array], Array]] = Registry(
    "activation",
    {
        "relu": jax.nn.relu,
        "leaky_relu": lambda z: jax.nn.leaky_relu(z, 0.1),
        "swish": jax.nn.silu,
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
        "gelu": jax.nn.gelu,
        "sin": jnp.sin,
        "step": lambda z: (z > 0).astype(z.dtype),
    },
)


def get_activation(name: str) -> Callable[[Array], Array]:
    """Return the activation with this name. Raises a `ConfigError` that lists the known ones."""
    return ACTIVATIONS.get(name)
