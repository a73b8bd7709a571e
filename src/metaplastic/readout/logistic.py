"""Logistic regression as a readout: multinomial, its penalty chosen on the labelled examples."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.readout.ridge import FOLDS, fold_of

INVERSE_PENALTIES = tuple(float(c) for c in np.logspace(-2, 4, 9))  # scikit-learn's C
DEFAULT = 1.0  # where one label per class leaves nothing to choose by

Matrix = NDArray[np.float64]


class Scores(NamedTuple):
    """Class scores, linear in the inputs."""

    coefficients: Matrix
    intercept: Matrix

    def __call__(self, rows: NDArray[np.floating]) -> Matrix:
        """(n, d) to (n, classes)."""
        return np.asarray(rows, np.float64) @ self.coefficients + self.intercept


def fit(
    x: NDArray[np.floating],
    y: NDArray[np.integer],
    n_classes: int,
    penalty: float | None = None,
) -> Scores:
    """Fit on labelled rows (k, d); the penalty, scikit-learn's C, is that of `choose_penalty`
    where none is given."""
    chosen = choose_penalty(x, y, n_classes) if penalty is None else penalty
    return _path(x, y, (chosen,), n_classes)[0]


def choose_penalty(x: NDArray[np.floating], y: NDArray[np.integer], n_classes: int) -> float:
    """scikit-learn's C, of the best cross-validated accuracy on labelled rows (k, d).

    Up to five stratified folds; ties go to the smaller log loss. C is for rows of unit mean square
    norm (`unit_scale`).
    """
    smallest = int(np.min(np.bincount(y)[np.unique(y)]))
    if smallest < 2:
        return DEFAULT
    fold = fold_of(y, min(FOLDS, smallest))
    wrong = np.zeros(len(INVERSE_PENALTIES))
    loss = np.zeros(len(INVERSE_PENALTIES))
    for held in range(fold.max() + 1):
        path = _path(x[fold != held], y[fold != held], INVERSE_PENALTIES, n_classes)
        outside, right = x[fold == held], y[fold == held]
        for index, scores in enumerate(path):
            found = scores(outside)
            wrong[index] += np.sum(np.argmax(found, axis=1) != right)
            loss[index] += np.sum(_entropy(found, right))
    best = min(range(len(INVERSE_PENALTIES)), key=lambda i: (wrong[i], loss[i]))
    return INVERSE_PENALTIES[best]


def unit_scale(x: NDArray[np.floating]) -> tuple[Matrix, float]:
    """The mean (d,), and the number whose inverse gives centred rows unit mean square norm."""
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
    """A classifier for every penalty, each started from the one before.

    Rows are scaled to unit mean square norm, so that penalties mean the same for every data set.
    The solution is in the span of the centred rows and is computed there, which is exact and,
    with fewer rows than inputs, far quicker.
    """
    from sklearn.linear_model import LogisticRegression

    mean, size = unit_scale(x)
    left, singular, right = np.linalg.svd((x - mean) / size, full_matrices=False)
    inside = left * singular
    machine = LogisticRegression(warm_start=True, max_iter=1000)
    found = []
    for strength in inverse_penalties:
        with warnings.catch_warnings():  # with two labels a class, y looks like a regression's
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            machine.set_params(C=strength).fit(inside, y)
        weights, bias = _all_classes(
            machine.coef_, np.asarray(machine.intercept_), machine.classes_, n_classes
        )
        coefficients = right.T @ weights.T / size
        found.append(Scores(coefficients, bias - mean @ coefficients))
    return found


def _all_classes(
    weights: Matrix, bias: Matrix, classes: NDArray[np.integer], n_classes: int
) -> tuple[Matrix, Matrix]:
    """One row a class: scikit-learn gives a single one for two classes, none for absent ones."""
    if len(classes) == 2:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    every = np.zeros((n_classes, weights.shape[1]))
    every[classes] = weights
    level = np.full(n_classes, -np.inf if len(classes) < n_classes else 0.0)
    level[classes] = bias
    return every, level
