"""Nearest neighbours among fitted rows, Euclidean: exact for few rows, approximate for many."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

EXACT_ROWS = 20_000  # from more rows on pynndescent searches, where it is installed

Indices = NDArray[np.intp]
Distances = NDArray[np.float64]


class Neighbours:
    """The k rows of `reference` (n, d) nearest to any row.

    Exact by scikit-learn up to 20,000 rows; above, approximate by pynndescent (Dong, Moses and Li,
    2011), which comes with the extra `umap`, or exact and slow where that is not installed.
    """

    def __init__(self, reference: NDArray[np.floating], seed: int = 0) -> None:
        self.reference = np.ascontiguousarray(reference, np.float32)
        self._seed = seed
        self._approximate = (
            len(self.reference) > EXACT_ROWS and find_spec("pynndescent") is not None
        )
        self._index = None

    def query(self, rows: NDArray[np.floating], k: int) -> tuple[Indices, Distances]:
        """Places in `reference` and distances, (n, k) each, the nearest first; k is cut to the
        number of rows there are."""
        k = min(k, len(self.reference))
        rows = np.ascontiguousarray(rows, np.float32)
        if self._approximate:
            found = self._approximate_index(k).query(rows, k=k)
            return np.asarray(found[0], np.intp), np.asarray(found[1], np.float64)
        from sklearn.neighbors import NearestNeighbors

        machine = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(self.reference)
        distances, places = machine.kneighbors(rows)
        return np.asarray(places, np.intp), np.asarray(distances, np.float64)

    def others(self, rows: NDArray[np.floating], k: int) -> tuple[Indices, Distances]:
        """As `query`, without the row itself where it is one of `reference`: so that rows fitted on
        and new rows are treated alike. Of equal rows one is left out."""
        places, distances = self.query(rows, k + 1)
        if places.shape[1] == 1:  # a single row to choose from
            return places, distances
        rows = np.asarray(rows, np.float32)
        itself = np.all(self.reference[places[:, 0]] == rows, axis=1)
        first = itself.astype(np.intp)[:, None] + np.arange(places.shape[1] - 1)
        return np.take_along_axis(places, first, 1), np.take_along_axis(distances, first, 1)

    def _approximate_index(self, k: int):
        if self._index is None:
            from pynndescent import NNDescent

            # one job: the same seed gives the same neighbours
            self._index = NNDescent(
                self.reference, n_neighbors=max(k, 15), random_state=self._seed, n_jobs=1
            )
            self._index.prepare()
        return self._index
