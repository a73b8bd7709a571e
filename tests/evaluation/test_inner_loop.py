"""The vectorised inner loop against a plain loop over seeds and steps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import features, initialise, perceptron, population_statistics
from metaplastic.errors import ConfigError
from metaplastic.evaluation import inner_loop
from metaplastic.evaluation.inner_loop import read_all_layers, run_inner_loop
from metaplastic.evaluation.trials import make_trials
from metaplastic.inner_loop import statistics_rows
from metaplastic.rules import make_rule

HIDDEN, FEATURES, BATCH = (7,), 4, 8


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)


def _run(inputs, seeds, steps):
    rule = make_rule("hebbian", jax.random.key(0))
    loop = run_inner_loop(
        rule,
        inputs,
        make_trials(seeds, inputs.shape[1]),
        steps,
        hidden=HIDDEN,
        n_features=FEATURES,
        batch_size=BATCH,
    )
    return {
        (trial.seed, point): network(inputs)
        for point, networks, trials in loop
        for network, trial in zip(networks, trials, strict=True)
    }


def test_on_one_core_seeds_run_one_after_another_with_the_same_result(inputs, monkeypatch):
    at_once = _run(inputs, range(3), [4])
    monkeypatch.setattr(inner_loop, "usable_cores", lambda: 1)
    again = eqx.filter_jit(inner_loop._advance.__wrapped__)  # compiled for one core
    monkeypatch.setattr(inner_loop, "_advance", again)
    for key, features_of_key in _run(inputs, range(3), [4]).items():
        np.testing.assert_allclose(features_of_key, at_once[key], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_agrees_with_a_plain_loop(inputs):
    actual = _run(inputs, (3, 5), (0, 4))
    rule = make_rule("hebbian", jax.random.key(0))
    for trial in make_trials((3, 5), 6):
        permuted = jnp.asarray(inputs[:, trial.permutation])
        phi = initialise(trial.init_key, (6, *HIDDEN, FEATURES))
        state = rule.init(phi)
        for step in range(5):
            if step in (0, 4):
                statistics = population_statistics(phi, permuted)
                expected = features(phi, permuted, statistics)
                np.testing.assert_allclose(actual[trial.seed, step], expected, rtol=2e-4, atol=2e-5)
            key = jax.random.fold_in(trial.batch_key, step)
            rows = jax.random.randint(key, (BATCH,), 0, len(inputs))
            phi, state = rule.update(phi, state, permuted[rows], jnp.array(step))


def test_neither_points_blocks_nor_chunks_change_the_features(inputs, monkeypatch):
    whole = _run(inputs, (0, 1, 2), (10,))
    parts = _run(inputs, (0, 1, 2), (3, 7, 10))
    monkeypatch.setattr(inner_loop, "BLOCK", 4)
    monkeypatch.setattr(inner_loop, "seeds_at_once", lambda *_: 2)
    chunks = _run(inputs, (0, 1, 2), (10,))
    for seed in range(3):
        np.testing.assert_allclose(whole[seed, 10], parts[seed, 10], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(whole[seed, 10], chunks[seed, 10], rtol=1e-4, atol=1e-5)


def test_seeds_differ(inputs):
    actual = _run(inputs, (0, 1), (0,))
    assert np.abs(actual[0, 0] - actual[1, 0]).max() > 0.1


def test_one_row_has_the_features_it_has_among_others(inputs):
    rule = make_rule("hebbian", jax.random.key(0))
    trials = make_trials((0,), 6)
    loop = run_inner_loop(rule, inputs, trials, (2,), hidden=HIDDEN, n_features=FEATURES)
    network = next(iter(loop))[1][0]
    np.testing.assert_allclose(network(inputs)[4:5], network(inputs[4:5]), rtol=1e-5, atol=1e-6)


def test_statistics_come_from_all_rows_of_a_small_set(inputs):
    np.testing.assert_array_equal(statistics_rows(inputs), inputs)


def test_every_layer_is_read_beside_the_inputs_on_one_footing():
    """Against the base model written out, layer by layer, and the blocks' equation."""
    rng = np.random.default_rng(0)
    inputs = (rng.standard_normal((300, 6)) * 3).astype(np.float32)
    trial = make_trials((0,), 6)[0]
    loop = run_inner_loop(
        make_rule("hebbian", jax.random.key(0)),
        inputs,
        [trial],
        (3,),
        hidden=(5,),
        n_features=4,
        batch_size=16,
    )
    network = next(networks[0] for _, networks, _ in loop)
    actual = read_all_layers(network, inputs)(inputs[:7])
    assert actual.shape == (7, 6 + 5 + 4)

    def layers(x):
        x = x[:, trial.permutation].astype(np.float64)
        for layer, (w, b) in enumerate(zip(network.phi.weights, network.phi.biases, strict=True)):
            mean, variance = (np.asarray(s, np.float64) for s in network.statistics[layer])
            z = (x @ np.asarray(w) - mean) / np.sqrt(variance + 1e-5) + np.asarray(b)
            x = np.maximum(z, 0)
            yield x

    start = 0
    for every, some in (
        (inputs, inputs[:7]),
        *zip(layers(inputs), layers(inputs[:7]), strict=True),
    ):
        width = every.shape[1]
        spread = np.sqrt(np.mean(np.var(every, axis=0, dtype=np.float64)))
        gain = np.sqrt((6 + 5 + 4) / 3) / (spread * np.sqrt(width))
        expected = (some - every.mean(axis=0)) * gain
        np.testing.assert_allclose(actual[:, start : start + width], expected, atol=1e-5)
        start += width
    np.testing.assert_allclose(network(inputs[:7]), network.layers(inputs[:7])[-1], rtol=1e-5)


def test_a_model_of_other_inputs_is_refused(inputs):
    rule = make_rule("hebbian", jax.random.key(0))
    trials = make_trials([0], inputs.shape[1])
    model = perceptron((inputs.shape[1] + 1, 4))
    with pytest.raises(ConfigError, match="inputs, but rows have"):
        next(run_inner_loop(rule, inputs, trials, (0,), model=model))
