"""The linear readouts of `PlasticRegressor`, with their penalties."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from metaplastic.blas import one_thread_per_product
from metaplastic.readout.logistic import unit_scale
from metaplastic.readout.ridge import PENALTIES

Vector = NDArray[np.float64]


class RegressionReadout(NamedTuple):
    """Predictions are features[:, :width] @ coefficients + intercept.

    coefficients: (width,), where width is how many of the features it reads, the inputs first;
    intercept: (). penalty: of a ridge regression, per labelled row, on centred features of unit
    mean square norm. rmse, r2: root mean squared error, in the units of the target, and coefficient
    of determination, both by leave-one-out over the labelled rows; r2 is NaN if all targets are the
    same.
    """

    coefficients: Vector
    intercept: Vector
    penalty: float
    rmse: float
    r2: float

    def predict(self, features: NDArray[np.floating]) -> Vector:
        """Return predicted targets (n,) for features (n, F)."""
        width = len(self.coefficients)
        return np.asarray(features[:, :width], np.float64) @ self.coefficients + self.intercept


# readouts that are averaged, per setting
AVERAGED: dict[str, tuple[str, ...]] = {
    "auto": ("features", "inputs"),
    "ridge": ("features",),
    "inputs": ("inputs",),
}


def fit_regressions(
    setting: str, features: NDArray[np.floating], n_inputs: int, targets: Vector
) -> dict[str, RegressionReadout]:
    """Fit the readouts of a setting on features (k, F) of labelled rows, the inputs first."""
    fitted = {}
    for name in AVERAGED[setting]:
        width = n_inputs if name == "inputs" else features.shape[1]
        with one_thread_per_product():
            fitted[name] = _fit(np.asarray(features[:, :width], np.float64), targets)
    return fitted


def mean_prediction(
    readouts: dict[str, RegressionReadout], features: NDArray[np.floating]
) -> Vector:
    """Return the mean of the readouts' predictions, (n,)."""
    return np.mean([readout.predict(features) for readout in readouts.values()], axis=0)


def _fit(x: NDArray[np.float64], y: Vector) -> RegressionReadout:
    """Fit a ridge regression with the penalty of the smallest leave-one-out squared error."""
    mean, size = unit_scale(x)
    level = float(y.mean())
    unit = float(np.abs(y - level).max()) or 1.0
    ridge: Any = RidgeCV(np.array(PENALTIES) * len(x), store_cv_results=True)
    ridge.fit((x - mean) / size, (y - level) / unit)
    coefficients = ridge.coef_ * (unit / size)
    intercept = ridge.intercept_ * unit + level - mean @ coefficients
    errors = ridge.cv_results_.mean(axis=0)
    best = int(np.argmin(errors))
    variance = float(np.var((y - level) / unit))
    return RegressionReadout(
        coefficients,
        np.asarray(intercept),
        penalty=PENALTIES[best],
        rmse=unit * float(np.sqrt(errors[best])),
        r2=1.0 - float(errors[best]) / variance if variance > 0 else float("nan"),
    )
