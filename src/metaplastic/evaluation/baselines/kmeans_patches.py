"""Baseline `kmeans-patches`: k-means of image patches, pooled over quadrants (Coates and Ng, 2012,
"Learning feature representations with k-means")."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import ThreadpoolController

from metaplastic.errors import DataError
from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.baselines.kmeans import triangle
from metaplastic.evaluation.baselines.whitening import Whitening
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel

QUADRANTS = 2  # per side
ROWS = 256  # images whose patches are held at once


class KMeansPatchesSettings(SettingsModel):
    """Hyperparameters of the search."""

    side: int = Field(6, ge=2, description="side of a patch in pixels")
    whiten: float | None = Field(
        0.1,
        gt=0,
        description="regularisation of ZCA whitening, in mean input variances; none: no ZCA",
    )
    contrast: bool = Field(True, description="normalise each patch to zero mean and unit variance")
    patches: int = Field(40_000, ge=100, description="patches that centroids are fitted on")


class KMeansPatches(Baseline):
    """A quarter as many centroids as the base model has features, each pooled over four quadrants.

    Uses the positions of pixels: a baseline for base models that do so as well, not for permuted
    inputs.
    """

    name = "kmeans-patches"
    title = "k-means of patches, quadrants"
    spatial = True
    Settings = KMeansPatchesSettings
    grid = (
        {},
        {"whiten": None},
        {"whiten": 0.01},
        {"whiten": 1.0},
        {"contrast": False},
        {"contrast": False, "whiten": 0.01},
    )

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        from sklearn.cluster import KMeans

        settings = self.settings
        assert isinstance(settings, KMeansPatchesSettings)
        if len(data.shape) < 2 or min(data.shape[:2]) <= settings.side:
            raise DataError(
                f"baseline {self.name} needs images larger than its patches of {settings.side} × "
                f"{settings.side} pixels; examples have shape {data.shape}"
            )
        shape = (*data.shape[:2], data.shape[2] if len(data.shape) > 2 else 1)
        threads = ThreadpoolController()
        encoders: list[Encoder] = []
        for done, trial in enumerate(trials):
            progress("k-means of patches", done, len(trials), "seeds")
            rng = np.random.default_rng(trial.seed)
            sample = _sample_patches(data.inputs, shape, settings, rng)
            whiten = Whitening.fit(sample, settings.whiten)
            lloyd = KMeans(
                max(1, data.n_features // QUADRANTS**2),
                n_init=1,  # pyright: ignore[reportArgumentType]
                random_state=trial.seed,
            )
            with threads.limit(limits=1):
                centroids = lloyd.fit(whiten(sample)).cluster_centers_
            centroids = centroids.astype(np.float32)
            encoders.append(partial(_encode, shape, settings, whiten, centroids))
        return encoders


def _patches(
    rows: NDArray[np.float32], shape: tuple[int, ...], settings: KMeansPatchesSettings
) -> NDArray[np.float32]:
    """Return every patch of every image: (n, vertical positions, horizontal positions, side² ·
    channels)."""
    images = rows.reshape(-1, *shape)
    windows = sliding_window_view(images, (settings.side, settings.side), (1, 2))  # pyright: ignore
    patches = windows.reshape(*windows.shape[:3], -1)
    if settings.contrast:
        patches = patches - patches.mean(axis=-1, keepdims=True)
        patches = patches / np.sqrt(patches.var(axis=-1, keepdims=True) + 0.01)
    return patches


def _sample_patches(
    rows: NDArray[np.float32],
    shape: tuple[int, ...],
    settings: KMeansPatchesSettings,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Draw patches uniformly over images and positions, (patches, side² · channels)."""
    per_image = 8
    images = rows[rng.choice(len(rows), min(len(rows), -(-settings.patches // per_image)))]
    parts = []
    for start in range(0, len(images), ROWS):
        patches = _patches(images[start : start + ROWS], shape, settings)
        flat = patches.reshape(len(patches), -1, patches.shape[-1])
        chosen = rng.integers(0, flat.shape[1], (len(flat), per_image))
        parts.append(np.take_along_axis(flat, chosen[..., None], axis=1).reshape(-1, flat.shape[2]))
    return np.concatenate(parts)


def _encode(
    shape: tuple[int, ...],
    settings: KMeansPatchesSettings,
    whiten: Whitening,
    centroids: NDArray[np.float32],
    rows: NDArray[np.float32],
) -> NDArray[np.floating]:
    """Compute triangle features averaged over each quadrant, (n, 4 · centroids)."""
    parts = []
    for start in range(0, len(rows), ROWS):
        patches = _patches(rows[start : start + ROWS], shape, settings)
        n, down, across, width = patches.shape
        flat = whiten(patches.reshape(-1, width))
        maps = triangle(flat, centroids).reshape(n, down, across, -1)
        halves = [slice(0, (down + 1) // 2), slice(down // 2, down)]
        sides = [slice(0, (across + 1) // 2), slice(across // 2, across)]
        parts.append(
            np.concatenate(
                [maps[:, tall, wide].mean(axis=(1, 2)) for tall in halves for wide in sides], axis=1
            )
        )
    return np.concatenate(parts)
