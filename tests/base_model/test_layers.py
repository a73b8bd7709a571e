"""Layers: the linear maps against loops, their transposes, shapes and errors."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import (
    BN_EPSILON,
    LAYERS,
    Conv,
    Dense,
    Layer,
    ModelSpec,
    features,
    forward,
    initialise,
    layer_features,
    parse_model,
    population_statistics,
    residual_perceptron,
)
from metaplastic.errors import ConfigError

CONNECTIONS = [
    (Dense(units=3), (5,)),
    (Dense(units=3), (4, 3, 2)),
    (Dense(units=3, pool=2), (5, 4, 2)),
    (Conv(units=3, kernel=3), (5, 4, 2)),
    (Conv(units=3, kernel=3, stride=2), (6, 5, 2)),
    (Conv(units=3, kernel=2, stride=1, padding="valid"), (4, 5, 2)),
    (Conv(units=2, kernel=5, stride=3, padding="valid"), (9, 8, 1)),
]
IDS = [f"{c.kind}-{i}" for i, (c, _) in enumerate(CONNECTIONS)]


def _layer(connection, below, seed: int = 0) -> Layer:
    w = jax.random.normal(jax.random.key(seed), (connection.fan_in(below), connection.units))
    return Layer(w, jnp.zeros(connection.units), None, connection, below)


def _by_loops(connection, below, x, w):
    """Compute the linear map one output at a time."""
    if isinstance(connection, Dense):
        out = np.zeros((len(x), connection.units))
        for b, example in enumerate(x):
            if connection.pool is not None and example.ndim == 3:
                grid = connection.pool
                height, width, channels = example.shape
                pooled = np.zeros((grid, grid, channels))
                for g, h in itertools.product(range(grid), repeat=2):
                    rows = range(g * height // grid, -(-(g + 1) * height // grid))
                    columns = range(h * width // grid, -(-(h + 1) * width // grid))
                    cells = [example[i, j] for i in rows for j in columns]
                    pooled[g, h] = sum(cells) / len(cells)
                example = pooled
            flat = example.ravel()
            for unit in range(connection.units):
                out[b, unit] = sum(flat[i] * w[i, unit] for i in range(len(flat)))
        return out
    height, width, channels = below
    k, s = connection.kernel, connection.stride
    if connection.padding == "same":
        tall, wide = -(-height // s), -(-width // s)
        top = max(0, (tall - 1) * s + k - height) // 2
        left = max(0, (wide - 1) * s + k - width) // 2
    else:
        tall, wide, top, left = (height - k) // s + 1, (width - k) // s + 1, 0, 0
    kernel = w.reshape(k, k, channels, -1)
    out = np.zeros((len(x), tall, wide, connection.units))
    for b, i, j in itertools.product(range(len(x)), range(tall), range(wide)):
        for m, n in itertools.product(range(k), repeat=2):
            row, column = s * i + m - top, s * j + n - left
            if 0 <= row < height and 0 <= column < width:
                for c in range(channels):
                    out[b, i, j] += x[b, row, column, c] * kernel[m, n, c]
    return out


@pytest.mark.parametrize(("connection", "below"), CONNECTIONS, ids=IDS)
def test_the_linear_map_follows_its_equation(connection, below) -> None:
    layer = _layer(connection, below)
    x = jax.random.normal(jax.random.key(1), (3, *below))
    expected = _by_loops(connection, below, np.asarray(x), np.asarray(layer.weight))
    got = layer.linear(x)
    assert got.shape[1:] == layer.above
    np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.parametrize(("connection", "below"), CONNECTIONS, ids=IDS)
def test_transposes_of_the_linear_map(connection, below) -> None:
    """<linear(x, w), a> = <x, send_back(a)> = <w, correlate(x, a)> for any x, w and a."""
    layer = _layer(connection, below)
    x = jax.random.normal(jax.random.key(2), (4, *below))  # two channels, two examples
    a = jax.random.normal(jax.random.key(3), (4, *layer.above))
    product = float(jnp.sum(layer.linear(x) * a))
    planes = a.reshape(2, -1, layer.above[-1])
    back = layer.send_back(planes)
    assert back.shape == (2, 2 * np.prod(below[:-1], dtype=int), below[-1])
    assert float(jnp.sum(back.reshape(x.shape) * x)) == pytest.approx(product, rel=1e-4, abs=1e-3)
    change = layer.correlate(x.reshape(2, -1, below[-1]), planes)
    assert float(jnp.sum(change * layer.weight)) == pytest.approx(product, rel=1e-4, abs=1e-3)


# fan_out is not exact with pooling, nor for weights that read the padding of a map
EXACT = [
    (connection, below)
    for connection, below in CONNECTIONS
    if not getattr(connection, "pool", None) and getattr(connection, "padding", "") != "same"
]


@pytest.mark.parametrize(("connection", "below"), EXACT)
def test_fan_out_counts_the_weights_that_read_a_unit(connection, below) -> None:
    layer = _layer(connection, below)
    ones = Layer(jnp.ones_like(layer.weight), layer.bias, None, connection, below)
    reached = ones.send_back(jnp.ones((1, int(np.prod(layer.above[:-1])), connection.units)))
    assert float(jnp.mean(reached)) == pytest.approx(layer.fan_out, rel=1e-5)


def test_a_dense_layer_is_a_one_by_one_convolution() -> None:
    dense, conv = _layer(Dense(units=3), (5,)), _layer(Conv(units=3, kernel=1), (2, 2, 5))
    x = jax.random.normal(jax.random.key(1), (3, 2, 2, 5))
    np.testing.assert_allclose(
        conv.linear(x).reshape(-1, 3), dense.linear(x.reshape(-1, 5), conv.weight), atol=1e-5
    )


def _spec() -> ModelSpec:
    return ModelSpec(
        inputs=(6, 6, 1),
        layers=(
            Conv(units=4, kernel=3, stride=2),
            Conv(units=4, kernel=3, skip=1),
            Dense(units=5, pool=2),
        ),
        pool=2,
    )


def test_maps_are_read_by_regions_and_layers_have_the_stated_widths() -> None:
    phi = initialise(jax.random.key(0), _spec())
    x = jax.random.normal(jax.random.key(1), (7, 36))
    layers = layer_features(phi, x)
    assert [u.shape for u in layers] == [(7, n) for n in phi.sizes]
    assert phi.sizes == (36, 16, 16, 5)
    np.testing.assert_array_equal(layers[-1], features(phi, x))
    quadrant = forward(phi, x).x[1][:, :2, :2].mean(axis=(1, 2))  # 3 x 3 positions, 2 x 2 regions
    np.testing.assert_allclose(layers[1][:, :4], quadrant, atol=1e-6)


def test_residual_layers_add_their_input_and_batch_norm_is_per_channel() -> None:
    phi = initialise(jax.random.key(0), _spec())
    x = jax.random.normal(jax.random.key(1), (7, 36))
    activity = forward(phi, x)
    a = np.asarray(phi.layers[1].linear(activity.x[1]), np.float64)
    mean, variance = a.mean(axis=(0, 1, 2)), a.var(axis=(0, 1, 2))
    z = (a - mean) / np.sqrt(variance + BN_EPSILON)
    np.testing.assert_allclose(activity.z[2], z, atol=1e-4)
    np.testing.assert_allclose(activity.x[2], np.maximum(z, 0) + activity.x[1], atol=1e-4)
    together = features(phi, x, population_statistics(phi, x))
    np.testing.assert_allclose(together, features(phi, x), atol=1e-5)


def test_a_spec_survives_json_and_errors_name_the_wrong_field() -> None:
    for spec in (
        _spec(),
        residual_perceptron(20, 16, 3, 8),
        ModelSpec(inputs=(4,), layers=(Dense(units=2),)),
    ):
        assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec
        assert hash(ModelSpec.model_validate(spec.model_dump())) == hash(spec)
    assert str(residual_perceptron(20, 16, 2, 8)) == "20-16-16+1-16+1-8"
    assert str(_spec()) == "6x6x1-3x3x4/2-3x3x4+1-5"
    invalid = [
        ({"inputs": [4], "layers": [{"kind": "conv", "units": 2}]}, "needs a map"),
        ({"inputs": [4], "layers": [{"kind": "convv", "units": 2}]}, "Did you mean 'conv'"),
        ({"inputs": [4], "layers": [{"units": 2, "stride": 3}]}, "stride"),
        ({"inputs": [4], "layers": [{"units": 3, "skip": 1}]}, "skip 1"),
        ({"inputs": [4, 4], "layers": [{"units": 3}]}, "height, width, channels"),
        ({"inputs": [4], "layers": []}, "layers"),
        ({"inputs": [4], "layers": [3]}, "a layer must be a table"),
        ({"inputs": [4], "layers": [{"units": 3}], "activation": "rely"}, "relu"),
        (
            {
                "inputs": [3, 3, 1],
                "layers": [{"kind": "conv", "units": 1, "kernel": 5, "padding": "valid"}],
            },
            "does not fit a map",
        ),
    ]
    for table, named in invalid:
        with pytest.raises(ConfigError, match=named):
            parse_model(table)


def test_every_kind_of_layer_is_tested() -> None:
    assert {connection.kind for connection, _ in CONNECTIONS} == set(LAYERS)
