"""Prepared data sets: standardised by the training split, with a test split where needed."""

import numpy as np
import pytest

from metaplastic import data
from metaplastic.data import Card, Dataset, Split
from metaplastic.evaluation.problem import load_problem, load_search_problem


def test_digits_are_standardised_by_their_training_split():
    problem = load_problem("digits")
    assert problem.train.mean() == pytest.approx(0, abs=1e-4)
    assert problem.train.std() == pytest.approx(1, abs=1e-4)
    assert (len(problem.train), len(problem.test)) == (1437, 360)


def test_a_search_problem_holds_no_test_image():
    reported, searched = load_problem("digits"), load_search_problem("digits")
    assert len(searched.train) + len(searched.test) == len(reported.train)
    assert set(np.unique(searched.test_labels)) == set(range(10))


def _dataset(kind, splits):
    card = Card("made", "made", kind, "here", "none", "none", "user")
    split = {name: Split(rows, labels.astype(np.int32)) for name, (rows, labels) in splits.items()}
    return Dataset(card, split, ("a", "b", "c"), (5,))


@pytest.fixture
def loaded(monkeypatch):
    return lambda dataset: monkeypatch.setattr(data, "load", lambda *_, **__: dataset)


def test_a_set_without_test_split_gets_a_fixed_one(loaded):
    rows = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    loaded(_dataset("vector", {"train": (rows, np.arange(60) % 3)}))
    a, b = load_problem("made"), load_problem("made")
    assert (len(a.train), len(a.test)) == (48, 12)
    assert list(np.bincount(a.test_labels)) == [4, 4, 4]
    np.testing.assert_array_equal(a.test, b.test)
    assert any("fixed seed" in note for note in a.notes)


def test_words_are_standardised_one_by_one(loaded):
    rng = np.random.default_rng(0)
    counts = rng.poisson([50.0, 5.0, 1.0, 0.1, 0.0], (200, 5)).astype(np.float32)
    labels = np.arange(200) % 3
    made = {"train": (counts[:150], labels[:150]), "test": (counts[150:], labels[150:])}
    loaded(_dataset("text", made))
    problem = load_problem("made")
    np.testing.assert_allclose(problem.train.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(problem.train.std(axis=0), [1, 1, 1, 1, 0], atol=1e-4)
    logs = np.log1p(counts)
    expected = (logs[150:, 1] - logs[:150, 1].mean()) / logs[:150, 1].std()
    np.testing.assert_allclose(problem.test[:, 1], expected, rtol=1e-4)


def test_only_classes_held_out_from_meta_training_are_evaluated(real_data):
    problem = load_problem("imagenet@16", real_data)
    assert problem.n_classes == 40
    assert problem.train.shape[1] == 16 * 16 * 3
    assert set(np.unique(problem.test_labels)) == set(range(40))
    assert any("held out" in note for note in problem.notes)


def test_raw_pixels_of_mnist_under_the_protocol(real_data):
    """A known accuracy, which detects changes of the protocol."""
    from metaplastic.evaluation import FewShotConfig
    from metaplastic.evaluation.baselines import make_baseline
    from metaplastic.evaluation.few_shot import baseline_accuracies

    problem = load_problem("mnist@14", real_data)
    result = baseline_accuracies(make_baseline("raw"), problem, FewShotConfig(dataset="mnist@14"))
    assert result.mean() == pytest.approx(0.742, abs=0.005)
