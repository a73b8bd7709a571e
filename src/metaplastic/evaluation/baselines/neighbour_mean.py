"""Baseline `neighbour-mean`: inputs averaged over their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from metaplastic.averaging import Averaging
from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel


class NeighbourMeanSettings(SettingsModel):
    """Hyperparameters of the search."""

    neighbours: int = Field(10, ge=1, description="number of nearest rows that are averaged")
    rounds: int = Field(2, ge=1, description="number of rounds of averaging")
    kept: float = Field(0.5, ge=0, lt=1, description="weight of the row itself in a round")


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
        {"rounds": 4, "neighbours": 120},
        {"rounds": 16, "neighbours": 30},
    )

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        settings = self.settings
        assert isinstance(settings, NeighbourMeanSettings)
        progress("nearest neighbours", 0, 1, "graphs")
        averaging = Averaging.fit(data.inputs, settings.neighbours, settings.rounds, settings.kept)
        return [averaging for _ in trials]
