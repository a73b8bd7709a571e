"""Baseline `umap`: uniform manifold approximation and projection (McInnes et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel


class UmapSettings(SettingsModel):
    """Hyperparameters of the search."""

    neighbours: int = Field(15, ge=2, description="nearest neighbours that a row is connected to")
    min_dist: float = Field(
        0.1, ge=0, le=1, description="minimum distance between points in the embedding"
    )
    features: int | None = Field(
        None, ge=1, description="number of features; none: as many as the base model has"
    )
    rows: int = Field(10_000, ge=4, description="maximum number of examples, drawn per seed")


class Umap(Baseline):
    """umap-learn (extra `umap`) on one thread, which a fixed seed requires.

    All rows, including the fitted ones, go through its `transform`, so that they are comparable. It
    embeds a batch of rows by stochastic gradient descent, so a row's features depend slightly on
    the rest of the batch.
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
            reducer = umap.UMAP(
                n_components=max(1, min(settings.features or data.n_features, count - 2)),
                n_neighbors=max(2, min(settings.neighbours, count - 1)),
                min_dist=settings.min_dist,
                random_state=trial.seed,
                transform_seed=trial.seed,
                n_jobs=1,
            )
            encoders.append(reducer.fit(rows).transform)
        return encoders
