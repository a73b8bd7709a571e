"""Baseline `kmeans`: k-means with triangle features (Coates and Ng, 2012, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import ThreadpoolController

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.baselines.whitening import Whitening
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel


class KMeansSettings(SettingsModel):
    """Hyperparameters of the search."""

    whiten: float | None = Field(
        None,
        gt=0,
        description="regularisation of ZCA whitening, in mean input variances; none: no ZCA",
    )
    restarts: int = Field(3, ge=1, description="runs of Lloyd's algorithm; the best is kept")
    rows: int = Field(10_000, ge=1, description="maximum number of examples, drawn per seed")


class KMeans(Baseline):
    """As many centroids as the base model has features, or `centroids` if that is set."""

    name = "kmeans"
    title = "k-means, triangle"
    Settings = KMeansSettings
    grid = ({}, {"whiten": 0.1}, {"whiten": 1.0}, {"whiten": 10.0}, {"whiten": 100.0})
    centroids: ClassVar[int | None] = None
    iterations: ClassVar[int] = 300  # at most, in each run; scikit-learn's default

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        from sklearn.cluster import KMeans as Lloyd

        settings = self.settings
        assert isinstance(settings, KMeansSettings)
        whiten = Whitening.fit(data.inputs, settings.whiten)
        threads = ThreadpoolController()
        encoders: list[Encoder] = []
        for done, trial in enumerate(trials):
            progress("k-means", done, len(trials), "seeds")
            rng = np.random.default_rng(trial.seed)
            count = min(settings.rows, len(data.inputs))
            rows = data.inputs[rng.choice(len(data.inputs), count, replace=False)]
            lloyd = Lloyd(
                min(self.centroids or data.n_features, count),
                n_init=settings.restarts,  # pyright: ignore[reportArgumentType]
                max_iter=self.iterations,
                random_state=trial.seed,
            )
            with threads.limit(limits=1):  # on busy cores, its threads would wait for each other
                centroids = lloyd.fit(whiten(rows)).cluster_centers_
            encoders.append(partial(_features, centroids, whiten))
        return encoders


def triangle(rows: NDArray[np.floating], centroids: NDArray[np.floating]) -> NDArray[np.floating]:
    """Compute max(0, mean distance over centroids - distance), shape (n, centroids)."""
    squares = (
        np.sum(rows**2, axis=1)[:, None]
        - 2.0 * rows @ centroids.T
        + np.sum(centroids**2, axis=1)[None]
    )
    distance = np.sqrt(np.maximum(squares, 0.0))
    return np.maximum(0.0, distance.mean(axis=1, keepdims=True) - distance)


def _features(
    centroids: NDArray[np.floating], whiten: Whitening, rows: NDArray[np.float32]
) -> NDArray[np.floating]:
    return triangle(whiten(rows), centroids)
