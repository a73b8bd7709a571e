"""Standardises rows of numbers as the encoder does by default (`metaplastic.encoder.scale`).

With fewer than about ten columns, the encoder requires more even variances than this.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EVEN = 0.45  # least evenness of the columns' variances for a common scale
LIMIT = 10.0  # clipping limit in standard deviations, if every column has its own scale


def standardise_rows(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Standardise rows (n, d), with a common mean and standard deviation if the columns' variances
    v are even, (Σ v)² / (d Σ v²) >= 0.45, as for pixels or samples of a signal; otherwise column by
    column, clipped. Rows without any variance become zeros."""
    mean, std = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    varying = std > 1e-6 * np.maximum(np.abs(mean), 1e-6)
    if not varying.any():
        return np.zeros(rows.shape, np.float32)
    variance = np.square(std[varying] / std.max())
    if variance.sum() ** 2 >= EVEN * variance.size * np.square(variance).sum():
        scaled = (rows - mean.mean()) / rows.std(dtype=np.float64)
    else:
        scaled = np.clip((rows - mean) / np.where(varying, std, 1.0), -LIMIT, LIMIT)
    return scaled.astype(np.float32)


def in_width(rows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Pad rows (n, d), d at most `width`, with columns of zeros to that width."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
