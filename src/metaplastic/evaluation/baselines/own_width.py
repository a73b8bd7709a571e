"""Baselines `pca-own`, `spectral-own`, `umap-own`: with a width of their own, not the base model's.

Their number of features is searched with the other hyperparameters, on the search's data sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from metaplastic.evaluation.baselines.baseline import Encoder, Unlabelled
from metaplastic.evaluation.baselines.pca import Pca
from metaplastic.evaluation.baselines.spectral import Spectral
from metaplastic.evaluation.baselines.umap import Umap
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel

WIDTHS = (4, 8, 16, 64, 128)  # the base model's width is in the other grids


def _grid(widths: Sequence[int], *others: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple({"features": width, **other} for other in others for width in widths)


class PcaOwnSettings(SettingsModel):
    """Hyperparameters of the search."""

    features: int = Field(64, ge=1, description="number of components")


class PcaOwn(Pca):
    """Principal components, as many as did best in the search."""

    name = "pca-own"
    title = "PCA, own width"
    Settings = PcaOwnSettings
    grid = _grid((64, 8, 16, 32, 128), {})

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        assert isinstance(self.settings, PcaOwnSettings)
        return self.components(data, self.settings.features, trials)


class SpectralOwn(Spectral):
    """The diffusion map, with the width that did best in the search."""

    name = "spectral-own"
    title = "diffusion map, own width"
    grid: ClassVar[tuple[dict[str, Any], ...]] = _grid(WIDTHS, {}, {"time": 4})


class UmapOwn(Umap):
    """UMAP, with the width that did best in the search."""

    name = "umap-own"
    title = "UMAP, own width"
    grid: ClassVar[tuple[dict[str, Any], ...]] = _grid((2, 8, 128), {}, {"min_dist": 0.0})
