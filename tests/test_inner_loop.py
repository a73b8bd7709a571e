"""The one inner loop: its clock, its draws, and that what is measured is what users hold."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.utils import check_random_state

from metaplastic import PlasticEncoder, inner_loop
from metaplastic.base_model import Conv, Dense, ModelSpec, Phi, initialise, residual_perceptron
from metaplastic.encoder.inner_loop import begin, drawn_rows, minibatch_key
from metaplastic.evaluation.inner_loop import read_all_layers, run_inner_loop
from metaplastic.evaluation.trials import Trial
from metaplastic.rules import Rule, RuleState, make_rule

ROWS, INPUTS, HIDDEN, FEATURES, BATCH = 4500, 10, (16,), 8, 32


class _Trial(Trial):
    """A seed of a study, with the keys of an encoder and no permutation."""

    init_key = batch_key = None  # pyright: ignore


def _trial(init_key: Any, batch_key: Any) -> Trial:
    trial = _Trial(0, np.arange(INPUTS, dtype=np.int32))
    trial.init_key, trial.batch_key = init_key, batch_key  # pyright: ignore
    return trial


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    """More rows than give batch-norm statistics, in clusters, standardised."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, INPUTS))[rng.integers(5, size=ROWS)] + rng.normal(size=(ROWS, INPUTS))
    return ((x - x.mean()) / x.std()).astype(np.float32)


@pytest.mark.parametrize("backward", ["tied", "separate"])
@pytest.mark.parametrize(
    "model",
    [
        residual_perceptron(6, 5, 2, 3),
        ModelSpec(inputs=(5, 5, 2), layers=(Conv(units=4, kernel=3, stride=2), Dense(units=3))),
    ],
    ids=["residual", "convolution"],
)
def test_the_encoder_begins_with_the_same_network_to_the_bit(model, backward) -> None:
    rule = make_rule("local", jax.random.key(0), hidden=2, backward=backward)
    ours = begin(rule, 2**32 - 1, model)
    key = jax.random.key(np.uint32(2**32 - 1))
    theirs = jax.jit(lambda rule: inner_loop.begin(rule, key, model))(rule)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        make_rule("hebbian", jax.random.key(0)),
        make_rule("local", jax.random.key(0), hidden=4, error_channels=2, readout_channels=2),
    ],
    ids=["hebbian", "local"],
)
def test_the_encoder_gives_what_evaluation_measures(rule: Rule, inputs) -> None:
    steps = 30  # more than one block of draws
    encoder = PlasticEncoder(
        rule,
        HIDDEN,
        FEATURES,
        layers="last",
        scale="global",
        max_iter=steps,
        batch_size=BATCH,
        random_state=4,
    ).fit(inputs)
    seed = int(check_random_state(4).randint(2**31))
    trial = _trial(jax.random.key(seed), minibatch_key(seed))
    ((_, (network,), _),) = run_inner_loop(
        rule,
        inputs,
        [trial],
        [steps],
        hidden=HIDDEN,
        n_features=FEATURES,
        batch_size=BATCH,
    )
    np.testing.assert_allclose(
        encoder.transform(inputs[:100]), network(inputs[:100]), rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(
        encoder.set_params(layers="all").transform(inputs[:100]),
        read_all_layers(network, inputs)(inputs[:100]),
        rtol=1e-3,
        atol=1e-3,
    )


def test_a_fit_gone_on_with_draws_what_one_long_fit_draws(inputs) -> None:
    parts = [*drawn_rows(7, 0, 3, BATCH, ROWS), *drawn_rows(7, 3, 31, BATCH, ROWS)]
    whole = [*drawn_rows(7, 0, 34, BATCH, ROWS)]
    np.testing.assert_array_equal(parts, whole)
    expected = inner_loop.rows_of_step(minibatch_key(7), jnp.array(33), BATCH, ROWS)
    np.testing.assert_array_equal(whole[33], expected)
    rule = make_rule("hebbian", jax.random.key(0))
    settings: Any = {"rule": rule, "hidden_layer_sizes": HIDDEN, "n_components": FEATURES}
    settings |= {"batch_size": BATCH, "random_state": 1, "warm_start": True}
    twice = PlasticEncoder(**settings, max_iter=4).fit(inputs).fit(inputs)
    once = PlasticEncoder(**settings, max_iter=8).fit(inputs)
    np.testing.assert_array_equal(twice.transform(inputs), once.transform(inputs))


def test_rows_are_drawn_evenly_and_alike_in_any_precision() -> None:
    key = jax.random.key(3)
    rows = np.concatenate([inner_loop.rows_of_step(key, jnp.array(t), 1000, 7) for t in range(20)])
    counts = np.bincount(rows, minlength=7)
    assert len(counts) == 7
    # chi-squared with 6 degrees of freedom: 27.9 is passed once in 10,000
    assert float(np.sum((counts - 20000 / 7) ** 2) / (20000 / 7)) < 27.9
    with jax.enable_x64(True):
        same = inner_loop.rows_of_step(key, jnp.array(0), 1000, 7)
    np.testing.assert_array_equal(rows[:1000], same)


def test_rows_of_statistics_are_the_same_for_every_kind_of_matrix(inputs) -> None:
    chosen = inner_loop.statistics_rows(inputs)
    assert chosen.shape == (inner_loop.STATISTICS_ROWS, INPUTS)
    assert len(np.unique(chosen, axis=0)) == len(chosen)
    np.testing.assert_array_equal(inner_loop.statistics_rows(csr_matrix(inputs)).toarray(), chosen)
    np.testing.assert_array_equal(inner_loop.statistics_rows(jnp.asarray(inputs)), chosen)
    few = inputs[:20]
    assert inner_loop.statistics_rows(few) is few
    many = np.arange(2**20 + 1)[:, None]
    assert len(np.unique(inner_loop.statistics_rows(many))) == inner_loop.STATISTICS_ROWS


class _Clock(Rule):
    """Writes the t it is given into φ's one bias, digit by digit."""

    name = "clock"

    @classmethod
    def create(cls, key: Any, **settings: Any) -> _Clock:
        return cls()

    @property
    def settings(self) -> dict[str, Any]:
        return {}

    def update(self, phi: Any, state: RuleState, x: Any, t: Any) -> Any:
        return phi.replaced(biases=[phi.biases[0] * 10.0 + t]), state


def test_the_loop_counts_from_nought_and_goes_on_where_it_was() -> None:
    rule = _Clock()
    phi, x = initialise(jax.random.key(0), (1, 1)), jnp.zeros((1, 1))

    def run(phi: Phi, first: int, last: int) -> tuple[Phi, RuleState]:
        ends = jnp.array(first), jnp.array(last)
        return inner_loop.run(rule, phi, RuleState(), lambda _: x, *ends)

    whole, state = run(phi, 0, 5)
    assert float(whole.biases[0][0]) == 1234.0
    assert jax.tree.leaves(state) == []
    assert float(run(run(phi, 0, 2)[0], 2, 5)[0].biases[0][0]) == 1234.0
