"""The NumPy forward pass against the base model's own, in JAX."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from metaplastic.base_model import (
    ACTIVATIONS,
    Statistics,
    features,
    initialise,
    perceptron,
    population_statistics,
)
from metaplastic.blocks import Blocks
from metaplastic.encoder.activations import NUMPY_ACTIVATIONS, in_place_activation
from metaplastic.encoder.fitting import fitted_network
from metaplastic.encoder.moments import column_moments, merge_statistics, take_rows
from metaplastic.encoder.network import network_of
from metaplastic.encoder.scale import InputScale, scale_of

SIZES = (20, 16, 12, 5)


def make(activation: str, offset: float = 0.0, rows: int = 1500):
    rng = np.random.default_rng(0)
    x = (rng.normal(offset, 3.0, (rows, SIZES[0]))).astype(np.float32)
    phi = initialise(jax.random.key(0), SIZES, activation)
    phi = jax.tree.map(lambda a: a + 0.1 if a.ndim == 1 else a, phi)
    scale = InputScale(float(x.mean(dtype=np.float64)), float(x.std(dtype=np.float64)))
    return x, phi, scale


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_features_are_those_of_the_base_model(activation: str) -> None:
    x, phi, scale = make(activation)
    standard = jnp.asarray(take_rows(x, slice(None), scale))
    statistics = population_statistics(phi, standard)
    network = fitted_network(phi, x, scale)
    for ours, theirs in zip(network.statistics, statistics, strict=True):
        np.testing.assert_allclose(ours.mean, theirs.mean, atol=2e-4)
        np.testing.assert_allclose(ours.variance, theirs.variance, rtol=2e-3, atol=1e-6)
    # the same statistics, so that a step activation meets the same thresholds
    network = network_of(phi, [Statistics(*map(np.asarray, s)) for s in statistics], scale)
    expected = np.asarray(features(phi, standard, statistics))
    got = network.features(x)
    assert got.dtype == np.float32
    if activation == "step":
        assert np.mean(got != expected) < 1e-3
    else:
        np.testing.assert_allclose(got, expected, atol=2e-5)


def test_the_first_layers_alone_are_a_network_too() -> None:
    x, phi, scale = make("relu")
    first = fitted_network(phi, x, scale).first(2)
    assert first.sizes == SIZES[:3]
    inner = dataclasses.replace(phi, layers=phi.layers[:2], spec=perceptron(SIZES[:3]))
    np.testing.assert_array_equal(first.features(x), fitted_network(inner, x, scale).features(x))


def in_units(rows: int = 700) -> np.ndarray:
    """Columns of very different units, with zeros and with values far out."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, SIZES[0])) * np.logspace(-3, 5, SIZES[0])
    x[rng.random(x.shape) < 0.3] = 0.0
    x[0] *= 1e3
    return x


def test_columns_have_scales_of_their_own_in_every_layer_read() -> None:
    x = in_units()
    phi = initialise(jax.random.key(0), SIZES)
    scale = scale_of(column_moments(x))
    network = fitted_network(phi, x, scale)
    standard = np.clip((x - x.mean(axis=0)) / x.std(axis=0), -10, 10).astype(np.float32)
    unit = InputScale(0.0, 1.0)
    np.testing.assert_allclose(
        network.features(x), fitted_network(phi, standard, unit).features(standard), atol=2e-4
    )
    layers = [standard] + [
        fitted_network(phi, standard, unit).first(depth).features(standard) for depth in (1, 2, 3)
    ]
    expected = Blocks.fit(layers).apply(layers)
    got = network.features(x, (0, 1, 2, 3))
    # the inputs' gain is taken before values far out are clipped
    inputs, others = slice(0, SIZES[0]), slice(SIZES[0], None)
    np.testing.assert_allclose(got[:, others], expected[:, others], atol=2e-3)
    actual, wanted = (f[:, inputs] - f[:, inputs].mean(axis=0) for f in (got, expected))
    ratio = actual.std() / wanted.std()
    assert 0.5 < ratio < 1.0
    np.testing.assert_allclose(actual, ratio * wanted, atol=2e-3)
    np.testing.assert_array_equal(
        network.features(x, (3, 0, 2))[:, : SIZES[3]], network.features(x, (3, 2, 0))[:, : SIZES[3]]
    )


@pytest.mark.parametrize("layers", [None, (0, 1, 2, 3)])
def test_sparse_columns_in_units_have_the_features_of_dense_ones(layers) -> None:
    x = in_units()
    phi = initialise(jax.random.key(0), SIZES)
    scale = scale_of(column_moments(csr_matrix(x)))
    dense, sparse = fitted_network(phi, x, scale), fitted_network(phi, csr_matrix(x), scale)
    np.testing.assert_allclose(
        sparse.features(csr_matrix(x), layers), dense.features(x, layers), atol=2e-4
    )


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_large_mean_of_one_column_costs_no_precision(offset: float) -> None:
    x = np.abs(in_units()) + offset
    phi = initialise(jax.random.key(0), SIZES)
    network = fitted_network(phi, x, scale_of(column_moments(x)))
    assert np.any(network.centre) == (offset > 0)
    standard = np.clip((x - x.mean(axis=0)) / x.std(axis=0), -10, 10).astype(np.float32)
    expected = fitted_network(phi, standard, InputScale(0.0, 1.0)).features(standard)
    np.testing.assert_allclose(network.features(x), expected, atol=2e-3)


def test_every_activation_has_a_numpy_form() -> None:
    assert set(NUMPY_ACTIVATIONS) == set(ACTIVATIONS)


def test_an_activation_without_one_goes_through_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATIONS, "square", lambda z: z * z)
    z = np.arange(4, dtype=np.float32)
    in_place_activation("square")(z)
    np.testing.assert_array_equal(z, [0, 1, 4, 9])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [csr_matrix, csr_array])
def test_sparse_rows_have_the_features_of_dense_ones(kind: type, dtype: type) -> None:
    x, phi, _ = make("relu")
    x = np.where(np.abs(x) > 4, x, 0).astype(dtype)
    scale = InputScale(float(x.mean()), float(x.std()))
    dense, sparse = fitted_network(phi, x, scale), fitted_network(phi, kind(x), scale)
    np.testing.assert_allclose(sparse.features(kind(x)), dense.features(x), atol=1e-5)


@pytest.mark.parametrize("offset", [1e3, -1e5])
def test_a_large_mean_costs_no_precision(offset: float) -> None:
    x, phi, _ = make("relu", offset)
    scale = InputScale(float(x.mean(dtype=np.float64)), float(x.std(dtype=np.float64)))
    network = fitted_network(phi, x, scale)
    assert network.centre != 0.0
    expected = network.features(x.astype(np.float64))
    np.testing.assert_allclose(network.features(x), expected, atol=1e-4)
    np.testing.assert_allclose(network.features(csr_matrix(x)), expected, atol=1e-4)


def test_merged_statistics_are_those_of_all_rows() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (300, 4)), rng.normal(2, 3, (100, 4))
    both = np.concatenate([a, b])
    old, new = ([Statistics(x.mean(0), x.var(0))] for x in (a, b))
    (merged,) = merge_statistics(old, new, 0.25)
    np.testing.assert_allclose(merged.mean, both.mean(0))
    np.testing.assert_allclose(merged.variance, both.var(0))
