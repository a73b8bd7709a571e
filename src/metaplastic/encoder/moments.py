"""One scalar mean and standard deviation over a whole matrix, as in meta-training, block by block.

Sparse matrices are never made dense; float64 sums whatever the input; matrices merge, so that
`partial_fit` can go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, issparse

from metaplastic.data.views import Scale
from metaplastic.encoder.threads import over_blocks

Matrix: TypeAlias = NDArray[np.floating] | csr_matrix | csr_array

_BLOCK = 2**17  # numbers that stay in the cache while they are summed


@dataclass(frozen=True)
class Moments:
    """Count of numbers, their mean, and their squared deviations from it summed."""

    count: int
    mean: float
    squares: float

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of numbers together."""
        count = self.count + other.count
        if count == 0:
            return self
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.count / count)
        between = gap * gap * (self.count / count) * other.count
        return Moments(count, mean, self.squares + other.squares + between)

    @property
    def scale(self) -> Scale:
        """Mean and standard deviation; constant numbers have standard deviation 1."""
        std = float(np.sqrt(self.squares / max(1, self.count)))
        constant = std <= 1e-12 * abs(self.mean) or std < np.finfo(np.float32).tiny
        return Scale(self.mean, 1.0 if constant else std)


def moments_of(x: Matrix) -> Moments:
    """The moments of all numbers of a matrix, the zeros of a sparse one among them."""
    if issparse(x):
        stored = _sum_up(np.asarray(x.data))  # pyright: ignore[reportAttributeAccessIssue]
        rows, columns = x.shape  # pyright: ignore[reportGeneralTypeIssues]
        return stored.merge(Moments(rows * columns - stored.count, 0.0, 0.0))
    return _sum_up(np.asarray(x))


def _sum_up(x: NDArray[np.generic]) -> Moments:
    def moments(rows: slice) -> Moments:
        block = x[rows].astype(np.float64).ravel()
        mean = float(block.mean())
        block -= mean
        return Moments(block.size, mean, float(block @ block))

    step = max(1, _BLOCK // max(1, int(np.prod(x.shape[1:]))))
    found = over_blocks(moments, [slice(i, i + step) for i in range(0, len(x), step)])
    return reduce(Moments.merge, found, Moments(0, 0.0, 0.0))


def take_rows(x: Matrix, rows: NDArray[np.integer] | slice, scale: Scale) -> NDArray[np.float32]:
    """Some rows, dense, standardised, float32 (rows, d)."""
    taken = x[rows]
    if issparse(taken):
        taken = taken.toarray()  # pyright: ignore[reportAttributeAccessIssue]
    # in float64: a large mean leaves float32 too few digits
    centred = np.subtract(taken, scale.mean, dtype=np.float64)
    return np.ascontiguousarray(centred / scale.std, np.float32)
