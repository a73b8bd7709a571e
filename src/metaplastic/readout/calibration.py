"""Probabilities from class scores: a softmax with a temperature fitted to held-out labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

Matrix = NDArray[np.float64]

_COLDEST, _HOTTEST = -7.0, 7.0  # bounds of the natural logarithm of the temperature


def probabilities(scores: Matrix, temperature: float) -> Matrix:
    """Compute softmax(scores / T) for each row: (n, classes) to (n, classes)."""
    return np.asarray(softmax(scores / temperature, axis=1))


def fit_temperature(scores: Matrix, labels: NDArray[np.integer]) -> float:
    """Fit T to minimise the log loss -mean_i log softmax(s_i / T)[y_i] on scores (n, classes).

    The scores must be of rows on which the readout was not fitted. A single parameter preserves the
    order of the classes and overfits little (Guo et al., "On calibration of modern neural
    networks", ICML 2017). T stays within e^-7 to e^7; without finite scores it is 1.
    """
    known = np.isfinite(scores).all(axis=1)
    if not known.any():
        return 1.0
    s, y = scores[known], labels[known]

    def loss(log_temperature: float) -> float:
        z = s * np.exp(-log_temperature)
        normaliser = logsumexp(z, axis=1)
        # one extra row that has every class equally: a few rows without a mistake are no certainty
        uniform = np.mean(normaliser - z.mean(axis=1))
        return float(np.sum(normaliser - z[np.arange(len(y)), y]) + uniform)

    result = minimize_scalar(loss, bounds=(_COLDEST, _HOTTEST), method="bounded")
    return float(np.exp(result.x))
