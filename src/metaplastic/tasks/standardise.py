"""Rows of numbers standardised as the encoder does by default (`metaplastic.encoder.scale`).

Where there are fewer than ten columns or so, the encoder asks for variances that are more even.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EVEN = 0.45  # evenness of the columns' variances from which they share one scale
LIMIT = 10.0  # standard deviations, where every column has its own


def standardise_rows(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows (n, d), by one mean and standard deviation where the columns' variances v are even,
    (Σ v)² / (d Σ v²) at least 0.45, as of pixels or samples of a signal; else column by column,
    clipped. Rows without any variance become zeros."""
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
    """Rows (n, d), d at most `width`, with columns of zeros up to that width."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
