"""The linear maps of base models in NumPy: one for every kind of layer, the same as in JAX."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from tests.encoder.test_base_models import MAPS, drawn

from metaplastic.base_model import (
    LAYERS,
    Conv,
    Dense,
    ModelSpec,
    parse_model,
    perceptron,
)
from metaplastic.encoder import linear_maps
from metaplastic.encoder.fitting import fitted_network
from metaplastic.encoder.moments import column_moments
from metaplastic.encoder.network import network_of
from metaplastic.encoder.scale import scale_of


def test_a_kind_of_layer_without_a_numpy_form_goes_through_jax(monkeypatch, digits) -> None:
    spec, x = parse_model(MAPS), digits[0][:50]
    network = network_of(
        drawn(spec),
        fitted_network(drawn(spec), x, scale_of(column_moments(x))).statistics,
        scale_of(column_moments(x)),
    )
    expected = network.features(x)
    monkeypatch.delitem(linear_maps._FORMS, "conv")
    np.testing.assert_allclose(network.features(x), expected, atol=1e-5)


def test_every_kind_of_layer_has_a_numpy_form() -> None:
    assert set(linear_maps._FORMS) == set(LAYERS)


def test_rows_go_through_maps_a_few_at_a_time() -> None:
    large = ModelSpec(inputs=(32, 32, 3), layers=(Conv(units=8, kernel=5),))
    assert linear_maps.rows_at_once(large) * 32 * 32 * 75 <= linear_maps.PATCHES
    assert linear_maps.rows_at_once(perceptron((4096, 64))) == linear_maps.CHUNK


def test_the_linear_maps_are_those_of_the_base_model_in_both_precisions() -> None:
    rng = np.random.default_rng(0)
    for connection, below in [
        (Conv(units=3, kernel=5, stride=3), (7, 9, 2)),
        (Conv(units=2, kernel=2, stride=2, padding="valid"), (5, 4, 3)),
        (Conv(units=2, kernel=1, stride=4), (6, 5, 1)),
        (Conv(units=2, kernel=9), (3, 2, 1)),
        (Dense(units=4, pool=3), (7, 2, 2)),
        (Dense(units=4), (3, 2, 2)),
    ]:
        x = rng.normal(size=(4, *below))
        w = rng.normal(size=(connection.fan_in(below), connection.units))
        expected = np.asarray(
            connection.linear(jnp.asarray(x, jnp.float32), jnp.asarray(w, jnp.float32))
        )
        for dtype in (np.float32, np.float64):
            out = np.full((4, *connection.above(below)), np.nan, dtype)
            linear_maps.linear(connection, x.astype(dtype), w.astype(dtype), out)
            np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
