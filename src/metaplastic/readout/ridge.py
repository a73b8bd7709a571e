"""The readout: ridge regression on one-hot labels, its penalty chosen on the labelled examples.

Features are centred and scaled by one number, so that rows have unit mean square norm and the grid
of penalties is independent of the scale of the features. It uses NumPy in float64, since the
problems are tiny and all methods share this code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.blas import one_thread_per_product

Matrix = NDArray[np.float64]

PENALTIES = tuple(float(p) for p in np.logspace(-5, 1, 13))  # relative to the number of examples
FOLDS = 5
DEFAULT_PENALTY = 0.1  # if a class has a single label, so that cross-validation is impossible


class Fitted(NamedTuple):
    """A readout with class scores `features @ coefficients + intercept`; `penalty` is relative."""

    coefficients: Matrix
    intercept: Matrix
    penalty: float

    def predict(self, features: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class with the highest score for every row."""
        scores = np.asarray(features, np.float64) @ self.coefficients + self.intercept
        return np.argmax(scores, axis=1)


class _Path:
    """Ridge solutions for all penalties, from a single singular value decomposition."""

    def __init__(self, u: Matrix, y: Matrix) -> None:
        self.mean_u, self.mean_y = u.mean(axis=0), y.mean(axis=0)
        centred = u - self.mean_u
        size = float(np.sqrt(np.mean(np.sum(centred**2, axis=1))))
        self.scale = size if size > 0 else 1.0
        left, self.singular, self.right = np.linalg.svd(centred / self.scale, full_matrices=False)
        self.projected = left.T @ (y - self.mean_y)
        self.count = len(u)

    def solve(self, penalty: float) -> Fitted:
        filters = self.singular / (self.singular**2 + penalty * self.count)
        coefficients = self.right.T @ (filters[:, None] * self.projected) / self.scale
        return Fitted(coefficients, self.mean_y - self.mean_u @ coefficients, penalty)


def fold_of(labels: NDArray[np.integer], folds: int) -> NDArray[np.int64]:
    """Assign examples to folds; each class is spread evenly over the folds, in its order."""
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
    """Fit on labelled features (k, F), with the penalty of the best cross-validated accuracy.

    There are up to five stratified folds; ties go to the smaller squared error. If some class has
    only one example, cross-validation is impossible and the penalty is `DEFAULT_PENALTY`.
    """
    # for matrices of some hundred rows, multithreading costs far more than it gains
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
    for held_out in range(folds):
        training, validation = fold != held_out, fold == held_out
        path = _Path(u[training], y[training])
        for index, penalty in enumerate(penalties):
            fitted = path.solve(penalty)
            scores = u[validation] @ fitted.coefficients + fitted.intercept
            wrong[index] += np.sum(np.argmax(scores, axis=1) != labels[validation])
            squares[index] += np.sum((scores - y[validation]) ** 2)
    best = min(range(len(penalties)), key=lambda i: (wrong[i], squares[i]))
    return _Path(u, y).solve(penalties[best])


def readout_accuracy(
    labelled: NDArray[np.floating],
    labels: NDArray[np.integer],
    test: NDArray[np.floating],
    test_labels: NDArray[np.integer],
    n_classes: int,
) -> float:
    """Compute the accuracy on `test` of a readout fitted on `labelled`; NaN if any feature is not
    finite."""
    if not (np.all(np.isfinite(labelled)) and np.all(np.isfinite(test))):
        return float("nan")
    fitted = fit_readout(labelled, labels, n_classes)
    return float(np.mean(fitted.predict(test) == test_labels))
