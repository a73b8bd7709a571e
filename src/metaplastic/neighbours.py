"""Euclidean nearest neighbours among fitted rows: exact for few rows, approximate for many."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

EXACT_ROWS = 20_000  # above, pynndescent is used if it is installed

Indices = NDArray[np.intp]
Distances = NDArray[np.float64]


class Neighbours:
    """Index for the k rows of `reference` (n, d) nearest to any row.

    Exact by scikit-learn up to 20,000 rows; above, approximate by pynndescent (Dong, Moses and Li,
    2011), which comes with the extra `umap`, or exact and slow if that is not installed.
    """

    def __init__(self, reference: NDArray[np.floating], seed: int = 0) -> None:
        self.reference = np.ascontiguousarray(reference, np.float32)
        self._seed = seed
        self._approximate = (
            len(self.reference) > EXACT_ROWS and find_spec("pynndescent") is not None
        )
        self._index = None

    def query(self, rows: NDArray[np.floating], k: int) -> tuple[Indices, Distances]:
        """Return indices into `reference` and distances, (n, k) each, nearest first; k is limited
        to the number of rows."""
        k = min(k, len(self.reference))
        rows = np.ascontiguousarray(rows, np.float32)
        if self._approximate:
            answer = self._approximate_index(k).query(rows, k=k)
            return np.asarray(answer[0], np.intp), np.asarray(answer[1], np.float64)
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(self.reference)
        distances, indices = search.kneighbors(rows)
        return np.asarray(indices, np.intp), np.asarray(distances, np.float64)

    def others(self, rows: NDArray[np.floating], k: int) -> tuple[Indices, Distances]:
        """Return neighbours as `query` does, without the row itself if it is one of `reference`, so
        that fitted rows and new rows are treated alike. Of equal rows, one is left out."""
        indices, distances = self.query(rows, k + 1)
        if indices.shape[1] == 1:  # the reference is a single row
            return indices, distances
        rows = np.asarray(rows, np.float32)
        itself = np.all(self.reference[indices[:, 0]] == rows, axis=1)
        first = itself.astype(np.intp)[:, None] + np.arange(indices.shape[1] - 1)
        return np.take_along_axis(indices, first, 1), np.take_along_axis(distances, first, 1)

    def _approximate_index(self, k: int):
        if self._index is None:
            from pynndescent import NNDescent

            # results are reproducible for a seed only with one job
            self._index = NNDescent(
                self.reference, n_neighbors=max(k, 15), random_state=self._seed, n_jobs=1
            )
            self._index.prepare()
        return self._index
