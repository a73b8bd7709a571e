"""Rows averaged over their nearest neighbours: a lazy random walk on the graph of neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metaplastic.neighbours import Indices, Neighbours

# of the features: chosen on tables of the role `meta-train` (research/log.md, 34)
ROUNDS = 2
KEPT = 0.5

Rows = NDArray[np.float32]


class Averaging:
    """Map rows, fitted or new, to averages over their k nearest fitted rows:

        x^{r+1} = α x^r + (1 - α) mean of x^r over the k nearest fitted rows in input space

    `levels[r]` (n, d) are the fitted rows after r rounds; there are as many rounds as levels. α is
    `kept`. A fitted row is not its own neighbour.
    """

    def __init__(self, levels: Sequence[Rows], k: int, kept: float) -> None:
        self.neighbours = Neighbours(levels[0])
        self.levels = (self.neighbours.reference, *levels[1:])
        self.k, self.kept = k, kept

    @classmethod
    def fit(cls, rows: NDArray[np.floating], k: int, rounds: int, kept: float) -> Averaging:
        """Fit on rows (n, d); k is limited to the number of other rows."""
        averaging = cls([np.asarray(rows, np.float32)], k, kept)
        levels = list(averaging.levels)
        if rounds > 1:
            indices, _ = averaging.neighbours.others(levels[0], k)
            for _ in range(rounds - 1):
                levels.append(lazy_round(levels[-1], levels[-1], indices, kept))
        averaging.levels = tuple(levels)
        return averaging

    def __call__(self, rows: NDArray[np.floating]) -> Rows:
        """Average rows (m, d)."""
        indices, _ = self.neighbours.others(rows, self.k)
        rows = np.asarray(rows, np.float32)
        for level in self.levels:
            rows = lazy_round(rows, level, indices, self.kept)
        return rows


def lazy_round(rows: Rows, level: Rows, indices: Indices, kept: float) -> Rows:
    """Compute kept · row + (1 - kept) · mean of the rows of `level` at its `indices`."""
    mean = np.zeros_like(rows)
    for column in indices.T:  # one neighbour at a time, as (n, k, d) would not fit in memory
        mean += level[column]
    return kept * rows + (1 - kept) / indices.shape[1] * mean
