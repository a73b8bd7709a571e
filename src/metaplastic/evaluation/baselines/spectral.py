"""Baseline `spectral`: a diffusion map of the graph of nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from metaplastic.blas import one_thread_per_product
from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.trials import Trial
from metaplastic.neighbours import Distances, Indices, Neighbours
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel

Matrix = NDArray[np.float64]


class SpectralSettings(SettingsModel):
    """Hyperparameters of the search."""

    neighbours: int = Field(10, ge=2, description="nearest neighbours that a row is connected to")
    time: int = Field(1, ge=1, description="number of diffusion steps")
    features: int | None = Field(
        None, ge=1, description="number of features; none: as many as the base model has"
    )
    rows: int = Field(
        10_000, ge=3, description="maximum number of examples, the same for each seed"
    )


class Diffusion(NamedTuple):
    """Nyström's extension: λ^{t-1} ψ at the fitted rows, and the kernel's widths."""

    neighbours: Neighbours
    widths: Distances
    coordinates: Matrix
    k: int

    def __call__(self, rows: NDArray[np.floating]) -> Matrix:
        """Return λ^t ψ (n, F) of rows (n, d): the mean of λ^{t-1} ψ with the kernel's weights."""
        indices, distances = self.neighbours.others(rows, self.k)
        weights = kernel(distances, distances[:, -1:], self.widths[indices])
        weights /= weights.sum(axis=1, keepdims=True)
        return np.einsum("nk,nkf->nf", weights, self.coordinates[indices])


def kernel(distances: Distances, here: Distances, there: Distances) -> Matrix:
    """Compute exp(-d² / (s_x s_y)), s the distance to the last neighbour (Zelnik-Manor and Perona,
    2004).

    Rows at distance 0 have weight 1, even if s is 0.
    """
    scale = here * there
    exponent = np.divide(distances**2, scale, out=np.zeros_like(distances), where=scale > 0)
    return np.exp(-np.minimum(exponent, 50.0))  # never 0: weights are divided by their sum


def diffusion_map(
    indices: Indices, distances: Distances, features: int, time: int, seed: int = 0
) -> tuple[Distances, Matrix]:
    """Compute the kernel widths (n,) and λ^{t-1} ψ (n, F), where ψ are the leading eigenvectors of
    P = D^-1 W except the constant one, with Σ D ψ² = n · mean D; W is the symmetrised kernel on
    each row's neighbours."""
    n, k = indices.shape
    widths = distances[:, -1]
    weights = kernel(distances, widths[:, None], widths[indices])
    graph = sparse.csr_matrix(
        (weights.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), (n, n)
    )
    graph = (graph + graph.T) / 2
    root = np.sqrt(np.asarray(graph.sum(axis=1)).ravel())
    normal = sparse.diags_array(1 / root) @ graph @ sparse.diags_array(1 / root)
    # the eigenvector of eigenvalue 1, which carries no information
    constant = root / np.linalg.norm(root)
    deflated = LinearOperator(  # the type stubs give the signature of a subclass
        (n, n),  # pyright: ignore
        matvec=lambda v: normal @ v - constant * (constant @ v),  # pyright: ignore
        dtype=np.float64,  # pyright: ignore
    )
    start = np.random.default_rng(seed).standard_normal(n)
    values, vectors = eigsh(deflated, min(features, n - 2), which="LA", v0=start, tol=1e-5)  # pyright: ignore
    order = np.argsort(-values)
    psi = vectors[:, order] / root[:, None] * np.linalg.norm(root)
    return widths, psi * np.maximum(values[order], 0.0) ** (time - 1)


class Spectral(Baseline):
    """Diffusion map (Coifman and Lafon, 2006) with Nyström's extension to new rows: inductive.

    Features are λ_i^t ψ_i, the eigenvectors of the random walk on the graph of nearest neighbours.
    All rows, including the fitted ones, go through the extension, so that they are comparable.
    """

    name = "spectral"
    title = "diffusion map"
    Settings = SpectralSettings
    grid: ClassVar[tuple[dict[str, object], ...]] = (
        {},
        {"neighbours": 5},
        {"neighbours": 30},
        {"time": 4},
        {"time": 16},
    )

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        settings = self.settings
        assert isinstance(settings, SpectralSettings)
        progress("diffusion map", 0, 1, "graphs")
        rows = data.inputs
        if len(rows) > settings.rows:
            sample = np.random.default_rng(0).choice(len(rows), settings.rows, replace=False)
            rows = rows[np.sort(sample)]
        neighbours = Neighbours(rows)
        indices, distances = neighbours.others(rows, settings.neighbours)
        features = settings.features or data.n_features
        with one_thread_per_product():
            widths, coordinates = diffusion_map(indices, distances, features, settings.time)
        fitted = Diffusion(neighbours, widths, coordinates, settings.neighbours)
        return [fitted for _ in trials]
