"""`PlasticEncoder` on base models of any topology: convolutions, residual connections, maps."""

from __future__ import annotations

import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticClassifier, PlasticEncoder
from metaplastic.base_model import (
    Conv,
    ModelSpec,
    Statistics,
    features,
    initialise,
    layer_features,
    parse_model,
    perceptron,
    population_statistics,
    residual_perceptron,
)
from metaplastic.blocks import Blocks
from metaplastic.encoder.fitting import fitted_network
from metaplastic.encoder.moments import column_moments, take_rows
from metaplastic.encoder.scale import scale_of
from metaplastic.errors import ConfigError

MAPS = {
    "inputs": [8, 8, 1],
    "layers": [
        {"kind": "conv", "units": 4, "kernel": 3, "stride": 2},
        {"kind": "conv", "units": 4, "kernel": 3, "skip": 1},
    ],
    "pool": 2,
}
SPECS = {
    "pooled maps": MAPS,
    "every position": {
        "inputs": [8, 8, 1],
        "layers": [
            {"kind": "conv", "units": 3, "kernel": 5, "stride": 3, "padding": "valid"},
            {"kind": "conv", "units": 2, "kernel": 2},
        ],
        "activation": "tanh",
    },
    "flattened": {
        "inputs": [8, 4, 2],
        "layers": [
            {"kind": "conv", "units": 3, "kernel": 4, "stride": 2},
            {"kind": "dense", "units": 6, "pool": 2},
            {"kind": "dense", "units": 6, "skip": 1},
            {"kind": "dense", "units": 5},
        ],
        "pool": 3,
    },
    "added inputs": {
        "inputs": [8, 8, 1],
        "layers": [{"kind": "conv", "units": 1, "skip": 1}, {"kind": "dense", "units": 5}],
    },
    "pooled inputs": {
        "inputs": [8, 8, 1],
        "layers": [{"units": 6, "pool": 4}, {"units": 6, "skip": 1}],
        "activation": "gelu",
    },
    "flat images": {"inputs": [8, 8, 1], "layers": [{"units": 6}, {"units": 6, "skip": 1}]},
    "residual": {
        "inputs": [64],
        "layers": [{"units": 64, "skip": 1}, {"units": 8}, {"units": 8}, {"units": 8, "skip": 2}],
    },
}
every_spec = pytest.mark.parametrize("spec", [*map(parse_model, SPECS.values())], ids=[*SPECS])


def encoder(**changes: object) -> PlasticEncoder:
    given = {"rule": HEBBIAN, "model": MAPS, "max_iter": 4, "batch_size": 32, "random_state": 0}
    return PlasticEncoder(**{**given, **changes})


def drawn(spec: ModelSpec):
    phi = initialise(jax.random.key(0), spec)
    biases = [b + 0.1 * jnp.arange(len(b), dtype=jnp.float32) for b in phi.biases]
    return phi.replaced(biases=biases)


@pytest.mark.slow
@every_spec
@pytest.mark.parametrize("scale", ["global", "columns"])
def test_features_are_those_of_the_base_model(spec: ModelSpec, scale: str, digits) -> None:
    x, phi = digits[0], drawn(spec)
    moments = column_moments(x)
    fitted_scale = scale_of(moments if scale == "columns" else moments.pooled())
    standard = jnp.asarray(take_rows(x, slice(None), fitted_scale))
    statistics = population_statistics(phi, standard)
    network = fitted_network(phi, x, fitted_scale)
    for ours, theirs in zip(network.statistics, statistics, strict=True):
        np.testing.assert_allclose(ours.mean, theirs.mean, atol=1e-4)
        np.testing.assert_allclose(ours.variance, theirs.variance, rtol=1e-3, atol=1e-6)
    fitted = [Statistics(*map(jnp.asarray, s)) for s in network.statistics]
    some = x[:300]
    expected = np.asarray(features(phi, standard[:300], fitted))
    got = network.features(some)
    assert got.dtype == np.float32
    assert got.shape == (300, spec.widths[-1])
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(network.features(some.astype(np.float64)), expected, atol=1e-5)
    np.testing.assert_allclose(network.features(csr_matrix(some)), expected, atol=1e-5)
    # each layer's block is that of the layer, centred and scaled by the rows fitted
    layers = [*map(np.asarray, layer_features(phi, standard[:300], fitted))]
    every = tuple(range(len(layers)))
    blocks = Blocks.of(*zip(*network.activity, strict=True))
    np.testing.assert_allclose(network.features(some, every), blocks.apply(layers), atol=1e-4)
    measured = [*map(np.asarray, layer_features(phi, standard, fitted))]
    for ours, layer in zip(network.activity[1:], measured[1:], strict=True):
        np.testing.assert_allclose(ours.mean, layer.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(ours.variance, layer.var(axis=0), rtol=1e-3, atol=1e-6)


@every_spec
def test_sparse_rows_fit_as_dense_ones_do(spec: ModelSpec, digits) -> None:
    x = digits[0][:400]
    scale = scale_of(column_moments(x))
    phi = drawn(spec)
    dense, sparse = (fitted_network(phi, rows, scale) for rows in (x, csr_matrix(x)))
    every = tuple(range(len(spec.widths)))
    np.testing.assert_allclose(
        sparse.features(csr_matrix(x), every), dense.features(x, every), atol=2e-3
    )


def test_the_first_layers_alone_are_a_network_too(digits) -> None:
    spec = parse_model(SPECS["flattened"])
    phi, x = drawn(spec), digits[0][:100]
    scale = scale_of(column_moments(x))
    first = fitted_network(phi, x, scale).first(1)
    shorter = spec.model_copy(update={"layers": spec.layers[:1]})
    inner = dataclasses.replace(phi, layers=phi.layers[:1], spec=shorter)
    np.testing.assert_array_equal(first.features(x), fitted_network(inner, x, scale).features(x))


def test_fit_gives_a_model_of_that_shape_and_one_row_alone_is_as_in_a_batch(digits) -> None:
    x, y = digits
    fitted = encoder(max_iter=8).fit(x, eval_set=(x[:300], y[:300]))
    assert fitted.phi_.spec == parse_model(MAPS)
    out = fitted.transform(x)
    names = list(fitted.get_feature_names_out())
    assert out.shape == (len(x), 64 + 16 + 16) == (len(x), len(names))
    assert names[63:67] == ["input_x63", "layer1_r0c0_0", "layer1_r0c0_1", "layer1_r0c0_2"]
    assert (names[68], names[72], names[-1]) == (
        "layer1_r0c1_0",
        "layer1_r1c0_0",
        "layer2_r1c1_3",
    )
    level = out.shape[1] / 3
    for block in np.split(out, [64, 80], axis=1):
        np.testing.assert_allclose(block.mean(axis=0), 0, atol=1e-2)
        assert np.mean(np.sum(np.square(block), axis=1)) == pytest.approx(level, rel=1e-2)
    np.testing.assert_allclose(fitted.transform(x[7:8]), out[7:8], atol=1e-5)
    assert fitted.score_curve_.shape == (9, 2)
    again = encoder(max_iter=8).fit(x).transform(x)
    np.testing.assert_array_equal(again, out)
    start = encoder(max_iter=0).fit(x)
    assert not np.allclose(start.phi_.weights[1], fitted.phi_.weights[1])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(x), out)


def test_early_stopping_and_warm_start(digits) -> None:
    x, y = digits
    stopped = encoder(max_iter=4000, early_stopping=True, n_iter_no_change=1)
    stopped.fit(x, eval_set=(x[:300], y[:300]))
    assert stopped.n_iter_ < 4000
    warm = encoder(warm_start=True).fit(x).fit(x)
    assert warm.n_iter_ == 8
    with pytest.raises(ConfigError, match=r'"pool": 2.*"pool": 1.*warm_start=False'):
        warm.set_params(model={**MAPS, "pool": 1}).fit(x)


def test_streams_go_on(digits) -> None:
    x = digits[0]
    chunks = encoder()
    for start in range(0, 400, 50):
        chunks.partial_fit(x[start : start + 50])
    assert (chunks.n_iter_, chunks.n_rows_waiting_) == (12, 16)
    out = chunks.transform(x)
    assert 0.5 < np.var(out, axis=0).mean() < 2


def test_a_spec_and_its_table_and_its_clone_are_the_same_model(digits) -> None:
    x = digits[0][:200]
    tables = encoder().fit(x)
    specs = encoder(model=parse_model(MAPS)).fit(x)
    classes = {
        "inputs": np.array([8, 8, 1]),
        "layers": (Conv(units=4, stride=2), Conv(units=np.int64(4), skip=1)),
        "pool": np.int8(2),
    }
    mixed = clone(encoder(model=classes)).fit(x)
    for other in (specs, mixed, clone(specs).fit(x)):
        np.testing.assert_array_equal(other.transform(x), tables.transform(x))
    assert clone(specs).get_params()["model"] == parse_model(MAPS)
    assert "'conv'" in repr(tables)
    assert "conv" in repr(specs).lower()
    assert "model" not in repr(PlasticEncoder(HEBBIAN))
    assert MAPS["layers"][0] == {"kind": "conv", "units": 4, "kernel": 3, "stride": 2}


def test_a_perceptron_as_a_model_is_the_perceptron(digits) -> None:
    x = digits[0][:200]
    plain = PlasticEncoder(HEBBIAN, (16,), 8, activation="tanh", max_iter=3, random_state=0).fit(x)
    model = perceptron((64, 16, 8), "tanh")
    as_model = PlasticEncoder(HEBBIAN, model=model, max_iter=3, random_state=0).fit(x)
    np.testing.assert_array_equal(as_model.transform(x), plain.transform(x))


def test_a_deep_residual_perceptron_and_images_of_columns_in_units(digits) -> None:
    x = digits[0] * np.logspace(0, 3, 64)
    deep = residual_perceptron(64, 12, 4, 6)
    assert encoder(model=deep, max_iter=2).fit_transform(x).shape == (len(x), sum(deep.widths))
    assert encoder(max_iter=2).fit(x).scale_ == "columns"


def test_the_classifier_learns_by_maps(digits) -> None:
    x, y = digits
    known = np.where(np.arange(len(y)) < 200, y, -1)
    classifier = PlasticClassifier(encoder(max_iter=8)).fit(x, known)
    assert classifier.encoder_.network_.sizes == (64, 16, 16)
    assert classifier.score(x[200:], y[200:]) > 0.8


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({**MAPS, "inputs": [8, 8, 2]}, r"8 x 8 x 2 are 128 numbers per row; X has 64 columns"),
        ({**MAPS, "inputs": [64]}, "conv layer needs a map"),
        ({**MAPS, "pool": 0}, "pool"),
        ({**MAPS, "colour": "red"}, "colour"),
        ({**MAPS, "activation": "bogus"}, "bogus"),
        ({"inputs": [64], "layers": []}, "layers"),
        ({"inputs": [64], "layers": [{"kind": "konv", "units": 3}]}, "konv"),
        ({"inputs": [64], "layers": [{"units": 0}]}, "units"),
        ({"inputs": [64], "layers": [{"units": 4, "skip": 1}]}, "skip"),
        ({"inputs": [64], "layers": [{"units": object()}]}, "units"),
        ({"inputs": {64}, "layers": 3}, "layers"),
        ({}, "inputs"),
        ([64, 16], "model"),
        ("conv", "model"),
    ],
)
def test_a_model_that_makes_none_is_named(model: object, words: str, digits) -> None:
    with pytest.raises((ConfigError, ValueError), match=words):
        encoder(model=model).fit(digits[0])


@pytest.mark.parametrize(
    "beside", [{"hidden_layer_sizes": (16,)}, {"n_components": 8}, {"activation": "tanh"}]
)
def test_what_a_model_takes_the_place_of_is_not_ignored(beside, digits) -> None:
    with pytest.raises(ConfigError, match=f"leave out {next(iter(beside))}"):
        encoder(**beside).fit(digits[0])
