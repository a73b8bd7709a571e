"""Networks read twice: of rows, and of rows averaged over neighbours."""

import numpy as np
import pytest

from metaplastic.averaging import KEPT, ROUNDS, Averaging
from metaplastic.evaluation import FewShotConfig, evaluate
from metaplastic.evaluation.averaged import NEIGHBOURS, Averages, read_twice
from metaplastic.evaluation.baselines import Unlabelled, make_baseline
from metaplastic.evaluation.baselines.neighbour_mean import NeighbourMean
from metaplastic.evaluation.few_shot import reader
from metaplastic.evaluation.inner_loop import read_all_layers
from metaplastic.evaluation.problem import load_problem
from metaplastic.evaluation.trials import make_trials

CONFIG = FewShotConfig(
    seeds=4, inner_steps=40, points=(0, 40), hidden=(32,), n_features=16, layers="averaged"
)


@pytest.fixture(scope="module")
def digits():
    return load_problem("digits")


@pytest.fixture(scope="module")
def network(digits):
    trials = make_trials((0,), 64)
    data = Unlabelled(digits.train, (32,), 16, "relu", 64)
    return make_baseline("random").networks(data, trials)[0]  # pyright: ignore


def test_both_halves_are_the_same_network(digits, network) -> None:
    x, new = digits.train, digits.test[:50]
    averages = Averages(x)
    out = read_twice(network, x, averages)(new)
    width = 64 + 32 + 16
    assert out.shape == (50, 2 * width)
    np.testing.assert_array_equal(out[:, :width], read_all_layers(network, x)(new))
    smoothed = Averaging.fit(x, NEIGHBOURS, ROUNDS, KEPT)
    expected = read_all_layers(network, smoothed(x))(smoothed(new))
    np.testing.assert_allclose(out[:, width:], expected, atol=1e-5)
    # the longest array is kept, and told apart by identity
    np.testing.assert_array_equal(averages(new), smoothed(new))
    np.testing.assert_array_equal(averages(digits.test[:20]), smoothed(digits.test[:20]))
    np.testing.assert_array_equal(averages(new), smoothed(new))


def test_the_baseline_of_averages_averages_in_the_same_way(digits) -> None:
    data = Unlabelled(digits.train, (32,), 16, "relu", 64)
    baseline = NeighbourMean(neighbours=NEIGHBOURS, rounds=ROUNDS, kept=KEPT)
    (encoder,) = baseline.fit(data, make_trials((0,), 64))
    averages = Averages(digits.train)
    np.testing.assert_array_equal(encoder(digits.test), averages(digits.test))


def test_reading_averages_helps_a_rule_on_digits(digits) -> None:
    averaged = evaluate("hebbian", CONFIG, baselines=["random-averaged"], problem=digits)
    plain = evaluate("hebbian", CONFIG.model_copy(update={"layers": "all"}), problem=digits)
    gain = averaged.final - plain.final
    assert gain.mean() > 0.01
    # the control is the rule before its first inner step
    np.testing.assert_array_equal(averaged.baselines["random-averaged"], averaged.curve[:, 0])


def test_other_layers(digits, network) -> None:
    assert reader(digits.train, "last")(network) is network
    expected = read_all_layers(network, digits.train)(digits.test[:5])
    np.testing.assert_array_equal(reader(digits.train, "all")(network)(digits.test[:5]), expected)
