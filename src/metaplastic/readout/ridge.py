"""The readout: ridge regression on one-hot labels, its penalty chosen on the labelled examples.

Features are centred and scaled by one number (so that rows have unit mean square norm), which
makes the penalty's grid mean the same whatever the features' scale. NumPy in float64: the problems
are tiny, and every method shares this code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.blas import one_thread_per_product

Matrix = NDArray[np.float64]

PENALTIES = tuple(float(p) for p in np.logspace(-5, 1, 13))  # times the number of examples
FOLDS = 5
DEFAULT_PENALTY = 0.1  # where one label per class leaves nothing to choose by


class Fitted(NamedTuple):
    """Scores of the classes are `features @ coefficients + intercept`; `penalty` is relative."""

    coefficients: Matrix
    intercept: Matrix
    penalty: float

    def predict(self, features: NDArray[np.floating]) -> NDArray[np.int64]:
        """The most likely class of every row."""
        scores = np.asarray(features, np.float64) @ self.coefficients + self.intercept
        return np.argmax(scores, axis=1)


class _Path:
    """Ridge solutions for all penalties from one singular value decomposition."""

    def __init__(self, u: Matrix, y: Matrix) -> None:
        self.mean_u, self.mean_y = u.mean(axis=0), y.mean(axis=0)
        centred = u - self.mean_u
        size = float(np.sqrt(np.mean(np.sum(centred**2, axis=1))))
        self.scale = size if size > 0 else 1.0
        left, self.singular, self.right = np.linalg.svd(centred / self.scale, full_matrices=False)
        self.projected = left.T @ (y - self.mean_y)
        self.count = len(u)

    def solve(self, penalty: float) -> Fitted:
        shrunk = self.singular / (self.singular**2 + penalty * self.count)
        coefficients = self.right.T @ (shrunk[:, None] * self.projected) / self.scale
        return Fitted(coefficients, self.mean_y - self.mean_u @ coefficients, penalty)


def fold_of(labels: NDArray[np.integer], folds: int) -> NDArray[np.int64]:
    """The fold of every example; each class is spread evenly over the folds, in its order."""
    fold = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        fold[members] = np.arange(len(members)) % folds
    return fold


def fit_readout(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    n_classes: int,
    penalties: tuple[float, ...] = PENALTIES,
) -> Fitted:
    """Fit on labelled features (k, F); the penalty has the best cross-validated accuracy.

    Up to five stratified folds; ties go to the smaller squared error. With one example in some
    class there is nothing to validate on, and the penalty is `DEFAULT_PENALTY`.
    """
    # matrices of some hundred rows: handing them to other threads costs far more than it gains
    with one_thread_per_product():
        return _fit(np.asarray(features, np.float64), labels, n_classes, penalties)


def _fit(
    u: Matrix, labels: NDArray[np.integer], n_classes: int, penalties: tuple[float, ...]
) -> Fitted:
    y = np.eye(n_classes)[labels]
    smallest = int(np.min(np.bincount(labels)[np.unique(labels)]))
    if smallest < 2 or len(penalties) == 1:
        chosen = penalties[0] if len(penalties) == 1 else DEFAULT_PENALTY
        return _Path(u, y).solve(chosen)
    folds = min(FOLDS, smallest)
    fold = fold_of(labels, folds)
    wrong = np.zeros(len(penalties))
    squares = np.zeros(len(penalties))
    for held in range(folds):
        inside, outside = fold != held, fold == held
        path = _Path(u[inside], y[inside])
        for index, penalty in enumerate(penalties):
            fitted = path.solve(penalty)
            scores = u[outside] @ fitted.coefficients + fitted.intercept
            wrong[index] += np.sum(np.argmax(scores, axis=1) != labels[outside])
            squares[index] += np.sum((scores - y[outside]) ** 2)
    best = min(range(len(penalties)), key=lambda i: (wrong[i], squares[i]))
    return _Path(u, y).solve(penalties[best])


def readout_accuracy(
    labelled: NDArray[np.floating],
    labels: NDArray[np.integer],
    test: NDArray[np.floating],
    test_labels: NDArray[np.integer],
    n_classes: int,
) -> float:
    """Accuracy on `test` of the readout fitted on `labelled`. NaN where features are not finite."""
    if not (np.all(np.isfinite(labelled)) and np.all(np.isfinite(test))):
        return float("nan")
    fitted = fit_readout(labelled, labels, n_classes)
    return float(np.mean(fitted.predict(test) == test_labels))
