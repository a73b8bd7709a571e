"""Baseline `umap`: uniform manifold approximation and projection (McInnes et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent


class UmapSettings(BaseModel):
    """What the search chooses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: int = Field(15, ge=2, description="nearest rows that a row is joined to")
    min_dist: float = Field(
        0.1, ge=0, le=1, description="how close points may lie in the embedding"
    )
    features: int | None = Field(None, ge=1, description="none: as many as the base model has")
    rows: int = Field(10_000, ge=4, description="at most so many examples, drawn per seed")


class Umap(Baseline):
    """umap-learn's own machine (extra `umap`), on one thread, as a fixed seed demands.

    All rows, those fitted on too, go through its `transform`, so that they are alike. It places the
    rows given by stochastic gradient descent: a row's features depend a little on those beside it.
    """

    name = "umap"
    title = "UMAP"
    requires = ("umap", "umap-learn", "umap")
    row_by_row = False
    Settings = UmapSettings
    grid: ClassVar[tuple[dict[str, object], ...]] = (
        {},
        {"neighbours": 5},
        {"neighbours": 30},
        {"min_dist": 0.0},
        {"min_dist": 0.5},
        {"min_dist": 0.8},
    )

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        import umap

        settings = self.settings
        assert isinstance(settings, UmapSettings)
        encoders: list[Encoder] = []
        for done, trial in enumerate(trials):
            progress("UMAP", done, len(trials), "seeds")
            rng = np.random.default_rng(trial.seed)
            count = min(settings.rows, len(data.inputs))
            rows = data.inputs[rng.choice(len(data.inputs), count, replace=False)]
            machine = umap.UMAP(
                n_components=max(1, min(settings.features or data.n_features, count - 2)),
                n_neighbors=max(2, min(settings.neighbours, count - 1)),
                min_dist=settings.min_dist,
                random_state=trial.seed,
                transform_seed=trial.seed,
                n_jobs=1,
            )
            encoders.append(machine.fit(rows).transform)
        return encoders
