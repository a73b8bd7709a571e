"""Baseline `pca`: principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent


class Pca(Baseline):
    """As many principal components as the base model has features; the same for every seed.

    It has no hyperparameters: the number of components is the base model's.
    """

    name = "pca"
    title = "PCA"
    whiten: ClassVar[bool] = False

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        return self.components(data, data.n_features, trials)

    def components(self, data: Unlabelled, count: int, trials: Sequence[Trial]) -> list[Encoder]:
        """Fit `count` components, or as many as the data allow."""
        from sklearn.decomposition import PCA

        components = min(count, *data.inputs.shape)
        fitted = PCA(components, whiten=self.whiten, random_state=0).fit(data.inputs)
        return [fitted.transform for _ in trials]
