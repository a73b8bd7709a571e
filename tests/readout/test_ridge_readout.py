"""The readout against scikit-learn's ridge regression and explicit cross-validation."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from metaplastic.readout.ridge import (
    DEFAULT_PENALTY,
    PENALTIES,
    fit_readout,
    fold_of,
    readout_accuracy,
)


def _examples(seed=0, per_class=10, classes=3, width=7, spread=1.0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    centres = rng.standard_normal((classes, width))
    rows = centres[labels] + spread * rng.standard_normal((len(labels), width)) + 3.0
    return rows.astype(np.float32), labels


def _scale(rows):
    centred = rows - rows.mean(0)
    return np.sqrt(np.mean(np.sum(centred**2, axis=1)))


@pytest.mark.parametrize("width", [5, 40])
@pytest.mark.parametrize("penalty", [1e-3, 0.1, 3.0])
def test_agrees_with_scikit_learn(width, penalty):
    rows, labels = _examples(width=width)
    rows = rows.astype(np.float64)
    fitted = fit_readout(rows, labels, 3, (penalty,))
    # the relative penalty in the units of the features
    absolute = penalty * len(rows) * _scale(rows) ** 2
    oracle = Ridge(alpha=absolute).fit(rows, np.eye(3)[labels])
    np.testing.assert_allclose(fitted.coefficients, oracle.coef_.T, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(fitted.intercept, oracle.intercept_, rtol=1e-7)


def test_penalty_agrees_with_explicit_cross_validation():
    rows, labels = _examples(seed=3, spread=2.5, width=12)
    rows = rows.astype(np.float64)
    scores = []
    for penalty in PENALTIES:
        wrong, squares = 0, 0.0
        for held_out in range(5):
            test = np.arange(len(labels)) % 5 == held_out  # ten of each class, in order
            train = ~test
            alpha = penalty * train.sum() * _scale(rows[train]) ** 2
            model = Ridge(alpha=alpha).fit(rows[train], np.eye(3)[labels[train]])
            predicted = model.predict(rows[test])
            wrong += int(np.sum(predicted.argmax(1) != labels[test]))
            squares += float(np.sum((predicted - np.eye(3)[labels[test]]) ** 2))
        scores.append((wrong, squares))
    best = PENALTIES[min(range(len(scores)), key=scores.__getitem__)]
    assert fit_readout(rows, labels, 3).penalty == best
    assert len({wrong for wrong, _ in scores}) > 1  # the choice was not trivial


def test_classes_are_spread_evenly_over_folds():
    labels = np.array([0, 1, 0, 1, 1, 0, 0, 1, 0, 0])
    fold = fold_of(labels, 3)
    for label in (0, 1):
        counts = np.bincount(fold[labels == label], minlength=3)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_scale_of_the_features_does_not_matter(scale):
    rows, labels = _examples(seed=1, spread=2.0)
    test, _ = _examples(seed=2, spread=2.0)
    a, b = fit_readout(rows, labels, 3), fit_readout(rows * scale, labels, 3)
    assert a.penalty == b.penalty
    np.testing.assert_array_equal(a.predict(test), b.predict(test * scale))


def test_one_label_per_class_uses_the_default_penalty():
    rows, labels = _examples(per_class=1)
    assert fit_readout(rows, labels, 3).penalty == DEFAULT_PENALTY


def test_non_finite_features_give_nan():
    rows, labels = _examples()
    broken = rows.copy()
    broken[0, 0] = np.nan
    assert np.isnan(readout_accuracy(broken, labels, rows, labels, 3))


def test_constant_features_give_chance():
    rows, labels = _examples()
    accuracy = readout_accuracy(np.ones_like(rows), labels, np.ones_like(rows), labels, 3)
    assert accuracy == pytest.approx(1 / 3)
