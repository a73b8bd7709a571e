"""Baseline `neighbour-mean`: inputs averaged over their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.neighbours import Indices, Neighbours
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent


class NeighbourMeanSettings(BaseModel):
    """Hyperparameters of the search."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: int = Field(10, ge=1, description="number of nearest rows that are averaged")
    rounds: int = Field(2, ge=1, description="number of rounds of averaging")
    kept: float = Field(0.5, ge=0, lt=1, description="weight of the row itself in a round")


class Averaged(NamedTuple):
    """Fitted encoder; `levels[r]` (n, d) are the fitted rows after r rounds."""

    neighbours: Neighbours
    levels: tuple[NDArray[np.float32], ...]
    k: int
    kept: float

    def __call__(self, rows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Average rows (n, d) as often as there are levels."""
        indices, _ = self.neighbours.others(rows, self.k)
        rows = np.asarray(rows, np.float32)
        for level in self.levels:
            rows = lazy_round(rows, level, indices, self.kept)
        return rows


def lazy_round(
    rows: NDArray[np.float32], level: NDArray[np.float32], indices: Indices, kept: float
) -> NDArray[np.float32]:
    """Compute kept · row + (1 - kept) · mean of the rows of `level` at its `indices`."""
    mean = np.zeros_like(rows)
    for column in indices.T:  # one neighbour at a time, as (n, k, d) would not fit in memory
        mean += level[column]
    return kept * rows + (1 - kept) / indices.shape[1] * mean


class NeighbourMean(Baseline):
    """A lazy random walk on the graph of nearest neighbours, applied to the inputs.

    x^{r+1} = α x^r + (1 - α) mean of x^r over the k nearest unlabelled rows in input space. New
    rows are treated in the same way, so the method is inductive. As many features as inputs; the
    same for every seed.
    """

    name = "neighbour-mean"
    title = "inputs, averaged over neighbours"
    Settings = NeighbourMeanSettings
    grid = (
        {},
        {"neighbours": 5},
        {"neighbours": 30},
        {"rounds": 1},
        {"rounds": 4},
        {"rounds": 4, "neighbours": 30},
        {"rounds": 4, "neighbours": 60},
        {"rounds": 8, "neighbours": 30},
    )

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        settings = self.settings
        assert isinstance(settings, NeighbourMeanSettings)
        progress("nearest neighbours", 0, 1, "graphs")
        neighbours = Neighbours(data.inputs)
        indices, _ = neighbours.others(data.inputs, settings.neighbours)
        levels = [neighbours.reference]
        for _ in range(settings.rounds - 1):
            levels.append(lazy_round(levels[-1], levels[-1], indices, settings.kept))
        averaged = Averaged(neighbours, tuple(levels), settings.neighbours, settings.kept)
        return [averaged for _ in trials]
