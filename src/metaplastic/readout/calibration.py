"""Probabilities from class scores: a softmax whose temperature fits held-out labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

Matrix = NDArray[np.float64]

_COLDEST, _HOTTEST = -7.0, 7.0  # natural logarithms of the temperature


def probabilities(scores: Matrix, temperature: float) -> Matrix:
    """softmax(scores / T), row by row: (n, classes) to (n, classes)."""
    return np.asarray(softmax(scores / temperature, axis=1))


def fit_temperature(scores: Matrix, labels: NDArray[np.integer]) -> float:
    """T that minimises the log loss -mean_i log softmax(s_i / T)[y_i] on scores (n, classes).

    The scores are to be of rows that the readout was not fitted on. One parameter keeps the order
    of the classes and over-fits little (Guo et al., "On calibration of modern neural networks",
    ICML 2017). T stays within e^-7 to e^7; with no finite score it is 1.
    """
    known = np.isfinite(scores).all(axis=1)
    if not known.any():
        return 1.0
    s, y = scores[known], labels[known]

    def loss(log_temperature: float) -> float:
        z = s * np.exp(-log_temperature)
        level = logsumexp(z, axis=1)
        # one row more, of every class alike: few rows without a mistake do not give certainty
        even = np.mean(level - z.mean(axis=1))
        return float(np.sum(level - z[np.arange(len(y)), y]) + even)

    found = minimize_scalar(loss, bounds=(_COLDEST, _HOTTEST), method="bounded")
    return float(np.exp(found.x))
