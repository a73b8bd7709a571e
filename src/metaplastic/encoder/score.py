"""Score of features on a labelled set: a cross-validated linear readout in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import type_of_target

from metaplastic.blas import one_thread_per_product
from metaplastic.readout.ridge import fold_of

FOLDS = 5
PENALTY = 0.01  # per example, of features with unit variance


class Labels:
    """Prepared targets of a labelled set: class labels (n,), or numbers (n,) or (n, T).

    Raises ValueError, from scikit-learn, if their number is not `rows`, and if there are fewer than
    two.
    """

    def __init__(self, y: Any, rows: int) -> None:
        check_consistent_length(np.empty(rows), y)
        if rows < 2:
            raise ValueError(f"eval_set has {rows} rows; a readout needs at least 2")
        self.classes = type_of_target(y, input_name="y") in ("binary", "multiclass")
        if self.classes:
            labels = np.unique(np.asarray(y), return_inverse=True)[1].reshape(-1)
            self.targets = np.eye(int(labels.max()) + 1)[labels]
            smallest = int(np.bincount(labels).min())
            self.folds = fold_of(labels, max(2, min(FOLDS, smallest)))
        else:
            numbers = np.asarray(check_array(y, ensure_2d=False, input_name="y"), np.float64)
            self.targets = numbers.reshape(rows, -1)
            self.folds = np.random.default_rng(0).permutation(rows) % min(FOLDS, rows)

    def score(self, features: NDArray[np.floating]) -> float:
        """Return the held-out accuracy of a ridge readout of the features (n, F); if the targets
        are numbers, R² averaged over targets."""
        u = np.asarray(features, np.float64)
        u = (u - u.mean(axis=0)) / np.maximum(u.std(axis=0), 1e-8)
        predicted = np.empty_like(self.targets)
        # such small systems are slower on several threads
        with one_thread_per_product():
            for fold in range(int(self.folds.max()) + 1):
                test = self.folds == fold
                predicted[test] = _ridge(u[~test], self.targets[~test], u[test])
        if self.classes:
            return float(np.mean(predicted.argmax(axis=1) == self.targets.argmax(axis=1)))
        spread = np.maximum(self.targets.var(axis=0), 1e-300)
        return float(np.mean(1.0 - np.mean((self.targets - predicted) ** 2, axis=0) / spread))


def _ridge(u: NDArray, y: NDArray, new: NDArray) -> NDArray[np.float64]:
    mean_u, mean_y = u.mean(axis=0), y.mean(axis=0)
    centred = u - mean_u
    gram = centred.T @ centred + PENALTY * len(u) * np.eye(u.shape[1])
    return (new - mean_u) @ np.linalg.solve(gram, centred.T @ (y - mean_y)) + mean_y
