"""The linear readouts of `PlasticClassifier`, with their penalties and temperatures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.blas import one_thread_per_product
from metaplastic.readout import logistic, ridge
from metaplastic.readout.calibration import fit_temperature, probabilities

Matrix = NDArray[np.float64]


class Readout(NamedTuple):
    """p = softmax((features[:, :width] @ coefficients + intercept) / temperature).

    coefficients: (width, classes); intercept: (classes,). width: how many of the features it
    reads, the inputs first. penalty: in the units of this kind of readout. accuracy:
    cross-validated on the labelled rows; NaN if some class has only one label.
    """

    coefficients: Matrix
    intercept: Matrix
    temperature: float
    penalty: float
    accuracy: float

    def scores(self, features: NDArray[np.floating]) -> Matrix:
        """Return class scores (n, classes) of features (n, F)."""
        width = len(self.coefficients)
        return np.asarray(features[:, :width], np.float64) @ self.coefficients + self.intercept

    def probabilities(self, features: NDArray[np.floating]) -> Matrix:
        """Return class probabilities (n, classes) of features (n, F)."""
        return probabilities(self.scores(features), self.temperature)


# readouts whose probabilities are averaged, per setting: (kind, whether it reads only the inputs)
VOTERS: dict[str, dict[str, tuple[str, bool]]] = {
    "auto": {"features": ("logistic", False), "inputs": ("logistic", True)},
    "logistic": {"features": ("logistic", False)},
    "ridge": {"features": ("ridge", False)},
    "inputs": {"inputs": ("logistic", True)},
}


def fit_readouts(
    setting: str,
    features: NDArray[np.floating],
    n_inputs: int,
    labels: NDArray[np.integer],
    n_classes: int,
) -> dict[str, Readout]:
    """Fit the readouts of a setting on labelled features (k, F), the inputs first."""
    fitted = {}
    for name, (kind, inputs_alone) in VOTERS[setting].items():
        width = n_inputs if inputs_alone else features.shape[1]
        x = np.asarray(features[:, :width], np.float64)
        with one_thread_per_product():
            fitted[name] = _fit(kind, x, labels, n_classes)
    return fitted


def vote(readouts: dict[str, Readout], features: NDArray[np.floating]) -> Matrix:
    """Return the mean of the readouts' probabilities, (n, classes)."""
    return np.mean([readout.probabilities(features) for readout in readouts.values()], axis=0)


def _fit(kind: str, x: Matrix, y: NDArray[np.integer], n_classes: int) -> Readout:
    if kind == "ridge":
        whole = ridge.fit_readout(x, y, n_classes)
        penalty = whole.penalty
    else:
        penalty = logistic.choose_penalty(x, y, n_classes)
        whole = logistic.fit(x, y, n_classes, penalty)
    temperature, accuracy = 1.0, float("nan")
    smallest = int(np.bincount(y, minlength=n_classes).min())
    if smallest >= 2:
        fold = ridge.fold_of(y, min(ridge.FOLDS, smallest))
        held_out = np.empty((len(x), n_classes))
        for k in range(int(fold.max()) + 1):
            train, test = fold != k, fold == k
            if kind == "ridge":
                part = ridge.fit_readout(x[train], y[train], n_classes, (penalty,))
            else:
                part = logistic.fit(x[train], y[train], n_classes, penalty)
            held_out[test] = x[test] @ part.coefficients + part.intercept
        temperature = fit_temperature(held_out, y)
        accuracy = float(np.mean(held_out.argmax(axis=1) == y))
    return Readout(whole.coefficients, whole.intercept, temperature, penalty, accuracy)
