"""Score of features on a labelled set: a cross-validated linear readout in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import type_of_target

from metaplastic.blas import one_thread_per_product
from metaplastic.encoder.labels import as_labels, encode, is_blank, of_one_type, split_labels
from metaplastic.readout.ridge import fold_of

FOLDS = 5
PENALTY = 0.01  # per example, of features with unit variance


class Labels:
    """Prepared targets of a labelled set: class labels (n,), or numbers (n,) or (n, T).

    `rows` are the indices of the n rows to score: all, or those with a class label.

    Raises ValueError, from scikit-learn, if their number is not `count`, if there are fewer than
    two, and if no class has two rows.
    """

    def __init__(self, y: Any, count: int) -> None:
        check_consistent_length(np.empty(count), y)
        if count < 2:
            raise ValueError(f"eval_set has {count} rows; a readout needs at least 2")
        self.rows = np.arange(count)
        self.classes = _are_classes(y)
        if self.classes:
            try:
                labels, labelled = split_labels(y, count, stacklevel=6)
                names, codes = encode(labels[labelled])
            except ValueError as error:
                raise ValueError(f"eval_set: {error}") from None
            self.rows = np.flatnonzero(labelled)
            sizes = np.bincount(codes)
            if sizes.max() < 2:
                raise ValueError(
                    f"eval_set needs a class with at least two rows; each of its {len(names)} "
                    "classes has one: give more labelled rows"
                )
            self.targets = np.eye(len(names))[codes]
            self.folds = fold_of(codes, max(2, min(FOLDS, int(sizes.min()))))
        else:
            numbers = np.asarray(check_array(y, ensure_2d=False, input_name="y"), np.float64)
            self.targets = numbers.reshape(count, -1)
            self.folds = np.random.default_rng(0).permutation(count) % min(FOLDS, count)

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


def _are_classes(y: Any) -> bool:
    """Return whether targets are class labels rather than numbers, whatever labels are missing."""
    shape = np.shape(y)
    if len(shape) > 1 and shape[1] > 1:
        return False
    labels = as_labels(y)
    if labels.dtype.kind in "fO":
        labels = labels[[not is_blank(label) for label in labels]]
    if not labels.size or (labels.dtype.kind == "O" and any(isinstance(y, str) for y in labels)):
        return True  # even if none is known, or -1 is among text
    try:
        return type_of_target(of_one_type(labels), input_name="y") in ("binary", "multiclass")
    except ValueError:
        if labels.dtype.kind != "O":
            raise
        return False  # numbers of several types, or what is refused as numbers
