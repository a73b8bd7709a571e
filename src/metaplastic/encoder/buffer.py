"""Buffer from which `partial_fit` cuts minibatches: rows wait in it until a minibatch is full."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from metaplastic.encoder.moments import Matrix

MEMORY_ROWS = 10_000  # rows of a stream that its batch-norm statistics remember


class Chunk:
    """Rows waiting from earlier chunks, followed by a new chunk in random order.

    waiting: float64 (k, d), or None; x: the new chunk (n, d), dense or CSR. It is shuffled because
    rows that arrive together are often alike.
    """

    def __init__(
        self, waiting: NDArray[np.float64] | None, x: Matrix, batch: int, rng: np.random.Generator
    ) -> None:
        self.waiting = np.empty((0, x.shape[1])) if waiting is None else waiting  # pyright: ignore
        self.x = x
        self.batch = batch
        self.order = rng.permutation(x.shape[0])  # pyright: ignore

    @property
    def rows(self) -> int:
        """Number of rows, waiting and new."""
        return len(self.waiting) + len(self.order)

    @property
    def full(self) -> int:
        """Number of full minibatches."""
        return self.rows // self.batch

    def minibatches(self) -> Iterator[Matrix]:
        """Yield the full minibatches (batch, d), not yet standardised."""
        for start in range(0, self.full * self.batch, self.batch):
            yield self._between(start, start + self.batch)

    def left(self) -> NDArray[np.float64] | None:
        """Return the rows that do not fill a minibatch, or None if there are none."""
        remaining = _dense(self._between(self.full * self.batch, self.rows))
        return remaining if len(remaining) else None

    def sample(self, rng: np.random.Generator) -> Matrix:
        """Return rows for batch-norm statistics: at most 10,000 rows of the new chunk, or all rows,
        the waiting ones included, if the new chunk is smaller than a minibatch."""
        if len(self.waiting) == 0 or len(self.order) >= self.batch:
            return _sample(self.x, rng)
        return self._between(0, self.rows)

    def _between(self, start: int, end: int) -> Matrix:
        waiting = self.waiting[start:end]
        first = max(0, start - len(self.waiting))
        new = self.x[self.order[first : max(0, end - len(self.waiting))]]
        return np.concatenate([waiting, _dense(new)]) if len(waiting) else new


def _sample(x: Matrix, rng: np.random.Generator) -> Matrix:
    """Return all rows, or 10,000 of them drawn without replacement."""
    count: int = x.shape[0]  # pyright: ignore[reportOptionalSubscript]
    if count <= MEMORY_ROWS:
        return x
    return x[np.sort(rng.choice(count, MEMORY_ROWS, replace=False))]


def _dense(x: Matrix) -> NDArray[np.float64]:
    if issparse(x):
        x = x.toarray()  # pyright: ignore[reportAttributeAccessIssue]
    return np.asarray(x, np.float64)
