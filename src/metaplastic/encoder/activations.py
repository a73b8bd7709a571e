"""In-place NumPy versions of the base model's activations, to compute features without JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from metaplastic.base_model import get_activation

InPlace: TypeAlias = Callable[[NDArray[np.floating]], None]


def _relu(z: NDArray[np.floating]) -> None:
    np.maximum(z, 0, out=z)


def _leaky_relu(z: NDArray[np.floating]) -> None:
    np.maximum(z, 0.1 * z, out=z)


def _swish(z: NDArray[np.floating]) -> None:
    z *= expit(z)


def _gelu(z: NDArray[np.floating]) -> None:
    # tanh form, as in jax.nn.gelu; Hendrycks and Gimpel, arXiv:1606.08415
    z *= expit(2.0 * (2.0 / np.pi) ** 0.5 * (z + 0.044715 * (z * z * z)))


def _tanh(z: NDArray[np.floating]) -> None:
    np.tanh(z, out=z)


def _sigmoid(z: NDArray[np.floating]) -> None:
    expit(z, out=z)


def _sin(z: NDArray[np.floating]) -> None:
    np.sin(z, out=z)


def _step(z: NDArray[np.floating]) -> None:
    z[...] = z > 0


NUMPY_ACTIVATIONS: dict[str, InPlace] = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "swish": _swish,
    "gelu": _gelu,
    "step": _step,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "sin": _sin,
}


def in_place_activation(name: str) -> InPlace:
    """Return the activation called `name`; one without a NumPy version here is computed by JAX."""
    if name in NUMPY_ACTIVATIONS:
        return NUMPY_ACTIVATIONS[name]
    function = get_activation(name)

    def through_jax(z: NDArray[np.floating]) -> None:
        z[...] = np.asarray(function(z))  # pyright: ignore[reportArgumentType]

    return through_jax
