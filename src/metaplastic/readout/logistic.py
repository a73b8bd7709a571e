"""Multinomial logistic regression as a readout, its penalty chosen on the labelled examples."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.readout.ridge import FOLDS, fold_of

INVERSE_PENALTIES = tuple(float(c) for c in np.logspace(-2, 4, 9))  # scikit-learn's C
DEFAULT = 1.0  # if a class has a single label, so that cross-validation is impossible

Matrix = NDArray[np.float64]


class Scores(NamedTuple):
    """Class scores, linear in the inputs."""

    coefficients: Matrix
    intercept: Matrix

    def __call__(self, rows: NDArray[np.floating]) -> Matrix:
        """Score rows: (n, d) to (n, classes)."""
        return np.asarray(rows, np.float64) @ self.coefficients + self.intercept


def fit(
    x: NDArray[np.floating],
    y: NDArray[np.integer],
    n_classes: int,
    penalty: float | None = None,
) -> Scores:
    """Fit on labelled rows (k, d). The penalty is scikit-learn's C; if not given, `choose_penalty`
    chooses it."""
    chosen = choose_penalty(x, y, n_classes) if penalty is None else penalty
    return _path(x, y, (chosen,), n_classes)[0]


def choose_penalty(x: NDArray[np.floating], y: NDArray[np.integer], n_classes: int) -> float:
    """Choose scikit-learn's C by cross-validated accuracy on labelled rows (k, d).

    There are up to five stratified folds; ties go to the lower log loss. C is for rows of unit mean
    square norm (`unit_scale`).
    """
    smallest = int(np.min(np.bincount(y)[np.unique(y)]))
    if smallest < 2:
        return DEFAULT
    fold = fold_of(y, min(FOLDS, smallest))
    wrong = np.zeros(len(INVERSE_PENALTIES))
    loss = np.zeros(len(INVERSE_PENALTIES))
    for held_out in range(fold.max() + 1):
        path = _path(x[fold != held_out], y[fold != held_out], INVERSE_PENALTIES, n_classes)
        validation_x, validation_y = x[fold == held_out], y[fold == held_out]
        for index, classifier in enumerate(path):
            scores = classifier(validation_x)
            wrong[index] += np.sum(np.argmax(scores, axis=1) != validation_y)
            loss[index] += np.sum(_entropy(scores, validation_y))
    best = min(range(len(INVERSE_PENALTIES)), key=lambda i: (wrong[i], loss[i]))
    return INVERSE_PENALTIES[best]


def unit_scale(x: NDArray[np.floating]) -> tuple[Matrix, float]:
    """Return the mean (d,) and the rms norm of the centred rows, or 1 if that is zero."""
    mean = np.asarray(x, np.float64).mean(axis=0)
    return mean, float(np.sqrt(np.mean(np.sum((x - mean) ** 2, axis=1)))) or 1.0


def _entropy(scores: Matrix, labels: NDArray[np.integer]) -> Matrix:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]


def _path(
    x: NDArray[np.floating],
    y: NDArray[np.integer],
    inverse_penalties: Sequence[float],
    n_classes: int,
) -> list[Scores]:
    """Fit a classifier for every penalty, each starting from the previous one.

    Rows are scaled to unit mean square norm, so that penalties mean the same for every data set.
    The solution lies in the span of the centred rows and is computed there, which is exact and much
    faster if there are fewer rows than inputs.
    """
    from sklearn.linear_model import LogisticRegression

    mean, size = unit_scale(x)
    left, singular, right = np.linalg.svd((x - mean) / size, full_matrices=False)
    projected = left * singular
    model = LogisticRegression(warm_start=True, max_iter=1000)
    classifiers = []
    for inverse_penalty in inverse_penalties:
        with (
            warnings.catch_warnings()
        ):  # with two labels per class, y looks like regression targets
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            model.set_params(C=inverse_penalty).fit(projected, y)
        weights, bias = _all_classes(
            model.coef_, np.asarray(model.intercept_), model.classes_, n_classes
        )
        coefficients = right.T @ weights.T / size
        classifiers.append(Scores(coefficients, bias - mean @ coefficients))
    return classifiers


def _all_classes(
    weights: Matrix, bias: Matrix, classes: NDArray[np.integer], n_classes: int
) -> tuple[Matrix, Matrix]:
    """Return one row per class: scikit-learn has one for two classes, and none for absent ones."""
    if len(classes) == 2:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    all_weights = np.zeros((n_classes, weights.shape[1]))
    all_weights[classes] = weights
    all_biases = np.full(n_classes, -np.inf if len(classes) < n_classes else 0.0)
    all_biases[classes] = bias
    return all_weights, all_biases
