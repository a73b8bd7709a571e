"""The base model against an independent implementation, its activations, and its errors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import (
    ACTIVATIONS,
    features,
    forward,
    initialise,
    population_statistics,
)
from metaplastic.errors import ConfigError
from tests.rules.oracle import dense_forward


def _phi(activation: str = "relu"):
    phi = initialise(jax.random.key(0), (5, 4, 3), activation, backward=True)
    return phi, jax.random.normal(jax.random.key(1), (8, 5))


def test_forward_agrees_with_an_independent_implementation() -> None:
    phi, x = _phi()
    xs, zs = dense_forward(
        [np.asarray(w, np.float64) for w in phi.weights],
        [np.asarray(b, np.float64) for b in phi.biases],
        np.asarray(x, np.float64),
    )
    got = forward(phi, x)
    for ours, theirs in zip((*got.x, *got.z), (*xs, *zs), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    np.testing.assert_allclose(features(phi, x), got.x[-1])


def test_receptive_fields_start_at_unit_norm() -> None:
    phi, _ = _phi()
    for w in (*phi.weights, *phi.backward):
        np.testing.assert_allclose(jnp.linalg.norm(w, axis=0), 1.0, rtol=1e-5)
    assert phi.sizes == (5, 4, 3)


def test_population_statistics_make_a_row_independent_of_its_batch() -> None:
    phi, x = _phi()
    statistics = population_statistics(phi, x)
    together = features(phi, x, statistics)
    alone = jnp.concatenate([features(phi, row[None], statistics) for row in x])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    np.testing.assert_allclose(together, features(phi, x), atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_gives_finite_features(name: str) -> None:
    phi, x = _phi(name)
    u = features(phi, x)
    assert u.shape == (8, 3)
    assert bool(jnp.isfinite(u).all())


@pytest.mark.parametrize(
    ("name", "z", "expected"),
    [("relu", -2.0, 0.0), ("leaky_relu", -2.0, -0.2), ("step", 0.3, 1.0), ("step", -0.3, 0.0)],
)
def test_activations_by_hand(name: str, z: float, expected: float) -> None:
    assert float(ACTIVATIONS[name](jnp.array(z))) == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [(5,), (5, 0, 3)])
def test_impossible_sizes_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="layer sizes"):
        initialise(jax.random.key(0), sizes)


def test_an_unknown_activation_names_those_known() -> None:
    with pytest.raises(ConfigError, match=r"relu.*Did you mean 'tanh'"):
        initialise(jax.random.key(0), (3, 2), "tanhh")
