"""ZCA whitening, regularised, for baselines that cluster rows or patches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Whitening(NamedTuple):
    """x ↦ (x - mean) (Σ + λI)^(-½), or x ↦ x - mean without the matrix.

    With fewer rows than columns, the matrix is given by the directions of variance (d, r): it
    multiplies them by `gains` (r,), and all others by `rest`.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32] | None = None
    directions: NDArray[np.float32] | None = None
    gains: NDArray[np.float32] | None = None
    rest: float = 1.0

    @classmethod
    def fit(cls, inputs: NDArray[np.float32], amount: float | None) -> Whitening:
        """Fit to rows (n, d), with λ = `amount` times the columns' mean variance; none: only
        centre."""
        mean = inputs.mean(axis=0)
        if amount is None:
            return cls(mean)
        rows, columns = inputs.shape
        if rows < columns:
            # the covariance (d, d) would take d³ operations
            _, singular, directions = np.linalg.svd(inputs - mean, full_matrices=False)
            values = np.asarray(singular, float) ** 2 / (rows - 1)
            penalty = amount * float(values.sum()) / columns
            gains = (1.0 / np.sqrt(values + penalty)).astype(np.float32)
            return cls(mean, None, directions.T, gains, float(penalty**-0.5))
        covariance = np.cov(inputs, rowvar=False).reshape(columns, -1)
        values, vectors = np.linalg.eigh(covariance)
        penalty = amount * float(np.mean(np.diag(covariance)))
        shrunk = 1.0 / np.sqrt(np.maximum(values, 0.0) + penalty)
        return cls(mean, ((vectors * shrunk) @ vectors.T).astype(np.float32))

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Whiten rows (n, d)."""
        centred = rows - self.mean
        if self.matrix is not None:
            return (centred @ self.matrix).astype(np.float32, copy=False)
        if self.directions is None or self.gains is None:
            return centred
        along = (centred @ self.directions) * (self.gains - self.rest)
        white = self.rest * centred + along @ self.directions.T
        return white.astype(np.float32, copy=False)
