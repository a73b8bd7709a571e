"""The few-shot protocol on scikit-learn's digits."""

import dataclasses
import json

import numpy as np
import pytest

from metaplastic.errors import ConfigError, DataError, RuleFileError
from metaplastic.evaluation import FewShotConfig, evaluate
from metaplastic.evaluation.few_shot import rule_accuracies
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.problem import load_problem
from metaplastic.evaluation.protocol import settings
from metaplastic.evaluation.results import mean_and_error, read_json, write_json
from metaplastic.evaluation.trials import draw_labelled, make_trials

CONFIG = FewShotConfig(seeds=4, inner_steps=40, points=(0, 40), hidden=(32,), n_features=16)


@pytest.fixture(scope="module")
def digits():
    return load_problem("digits")


@pytest.fixture(scope="module")
def evaluation(digits):
    return evaluate("hebbian", CONFIG, problem=digits)


def test_a_hand_designed_rule_beats_the_random_network(evaluation):
    content = evaluation.to_json()
    paired = content["methods"]["random"]["paired"]
    assert paired["mean"] > 0.1
    assert paired["mean"] > 4 * paired["standard_error"]


def test_the_random_network_is_the_rule_before_its_first_step(evaluation):
    np.testing.assert_array_equal(evaluation.baselines["random"], evaluation.curve[:, 0])


def test_results_hold_every_number_and_survive_a_file(evaluation, tmp_path):
    content = evaluation.to_json()
    path = write_json(tmp_path / "deep" / "x.json", content)
    assert read_json(path) == json.loads(json.dumps(content))
    assert [p.name for p in path.parent.iterdir()] == ["x.json"]
    assert content["seeds"] == [0, 1, 2, 3]
    assert np.shape(content["methods"]["rule"]["curve"]) == (4, 2)
    assert {"jax", "numpy", "scikit-learn", "metaplastic"} <= set(content["versions"])


def test_neither_test_images_nor_labels_reach_the_features(digits, evaluation):
    """Other test rows and labels do not change the features."""
    rng = np.random.default_rng(0)
    changed = dataclasses.replace(digits, test_labels=rng.permutation(digits.test_labels))
    accuracy = rule_accuracies(named_rule("hebbian").rule, changed, CONFIG)
    assert abs(accuracy[:, -1].mean() - 0.1) < 0.06  # the labels mean nothing now
    halves = [
        dataclasses.replace(digits, test=digits.test[part], test_labels=digits.test_labels[part])
        for part in (slice(0, 180), slice(180, 360))
    ]
    both = [rule_accuracies(named_rule("hebbian").rule, half, CONFIG) for half in halves]
    np.testing.assert_allclose(np.mean(both, axis=0), evaluation.curve, atol=1e-6)


def test_trials_vary_everything(digits):
    a, b = make_trials((0, 1), 64)
    assert sorted(a.permutation) == list(range(64))
    assert list(a.permutation) != list(b.permutation)
    rows = [draw_labelled(digits, seed, 10) for seed in (0, 1, 0)]
    assert set(rows[0]) != set(rows[1])
    assert list(rows[0]) == list(rows[2])
    assert list(np.bincount(digits.train_labels[rows[0]])) == [10] * 10


def test_mean_and_error_by_hand():
    summary = mean_and_error([1.0, 2.0, 6.0, float("nan")])
    assert summary["mean"] == 3.0
    # squares about the mean: 4 + 1 + 9; over n - 1 = 2, over n = 3
    assert summary["standard_error"] == pytest.approx((14 / 2 / 3) ** 0.5)
    assert (summary["n"], summary["failed"]) == (3, 1)


def test_points_default_to_eighths():
    assert FewShotConfig(inner_steps=80).steps == tuple(range(0, 81, 10))
    assert FewShotConfig(inner_steps=0).steps == (0,)
    assert FewShotConfig(points=(5, 0, 5)).steps == (0, 5)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"labels_per_class": 0}, "labels_per_class"),
        ({"hidden": (3, 0)}, "hidden"),
        ({"batch_size": 1}, "batch_size"),
    ],
)
def test_invalid_settings_are_refused(given, part):
    with pytest.raises(ConfigError, match=part):
        settings(FewShotConfig, **given)


def test_more_labels_than_there_are(digits):
    config = FewShotConfig(labels_per_class=1000, seeds=1, inner_steps=0)
    with pytest.raises(DataError, match="labels per class"):
        evaluate("hebbian", config, problem=digits)


def test_an_unknown_rule_lists_the_known_ones():
    with pytest.raises(RuleFileError, match="hebbian"):
        evaluate("no-such-rule")
