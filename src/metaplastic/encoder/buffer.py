"""Rows of a stream that wait for a full minibatch: what `partial_fit` cuts minibatches from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from metaplastic.encoder.moments import Matrix

MEMORY_ROWS = 10_000  # rows of a stream that its batch-norm statistics remember


class Chunk:
    """Rows kept from earlier chunks, and a new chunk in an order of its own.

    kept: float64 (k, d), or None; x: the new chunk (n, d), dense or CSR. It is shuffled, as rows
    that arrive together are often alike; the kept rows come first.
    """

    def __init__(
        self, kept: NDArray[np.float64] | None, x: Matrix, batch: int, rng: np.random.Generator
    ) -> None:
        self.kept = np.empty((0, x.shape[1])) if kept is None else kept  # pyright: ignore
        self.x = x
        self.batch = batch
        self.order = rng.permutation(x.shape[0])  # pyright: ignore

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.kept) + len(self.order)

    @property
    def full(self) -> int:
        """How many minibatches are full."""
        return self.rows // self.batch

    def minibatches(self) -> Iterator[Matrix]:
        """The full minibatches (batch, d), not yet standardised."""
        for start in range(0, self.full * self.batch, self.batch):
            yield self._between(start, start + self.batch)

    def left(self) -> NDArray[np.float64] | None:
        """The rows that fill no minibatch; None where there are none."""
        rest = _dense(self._between(self.full * self.batch, self.rows))
        return rest if len(rest) else None

    def sample(self, rng: np.random.Generator) -> Matrix:
        """Rows for batch-norm statistics: those of the new chunk, at most 10,000, and where they
        would not fill a minibatch the kept ones too."""
        if len(self.kept) == 0 or len(self.order) >= self.batch:
            return _sample(self.x, rng)
        return self._between(0, self.rows)

    def _between(self, start: int, end: int) -> Matrix:
        kept = self.kept[start:end]
        first = max(0, start - len(self.kept))
        taken = self.x[self.order[first : max(0, end - len(self.kept))]]
        return np.concatenate([kept, _dense(taken)]) if len(kept) else taken


def _sample(x: Matrix, rng: np.random.Generator) -> Matrix:
    """All rows, or 10,000 of them drawn without repeats."""
    count: int = x.shape[0]  # pyright: ignore[reportOptionalSubscript]
    if count <= MEMORY_ROWS:
        return x
    return x[np.sort(rng.choice(count, MEMORY_ROWS, replace=False))]


def _dense(x: Matrix) -> NDArray[np.float64]:
    if issparse(x):
        x = x.toarray()  # pyright: ignore[reportAttributeAccessIssue]
    return np.asarray(x, np.float64)
