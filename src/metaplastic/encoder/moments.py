"""One scalar mean and standard deviation over a whole matrix, as in meta-training, block by block.

Sparse matrices are never made dense; float64 sums whatever the input; matrices merge, so that
`partial_fit` can go on. Numbers near the ends of float64's range are summed as multiples of a
power of two, so that their squares neither overflow nor vanish.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import hypot, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, issparse

from metaplastic.data.views import Scale
from metaplastic.encoder.float_range import standardised
from metaplastic.encoder.threads import over_blocks

Matrix: TypeAlias = NDArray[np.number] | NDArray[np.bool_] | csr_matrix | csr_array

_BLOCK = 2**17  # numbers that stay in the cache while they are summed


@dataclass(frozen=True)
class Moments:
    """Count of numbers, their mean, and their standard deviation (divisor: the count)."""

    count: int
    mean: float
    std: float

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of numbers together."""
        if self.count == 0 or other.count == 0:
            return self if other.count == 0 else other
        count = self.count + other.count
        ours, theirs = self.count / count, other.count / count
        mean = ours * self.mean + theirs * other.mean
        # neither the gap nor a square is formed, which float64 might not hold
        half_gap = other.mean / 2 - self.mean / 2
        parts = sqrt(ours) * self.std, sqrt(theirs) * other.std, 2 * sqrt(ours * theirs) * half_gap
        return Moments(count, mean, hypot(*parts))

    @property
    def scale(self) -> Scale:
        """Mean and standard deviation. Constant numbers have standard deviation 1, or that of
        their own size where they are so large that 1 is nothing beside it."""
        if self.std <= 1e-12 * abs(self.mean) or self.std == 0.0:
            return Scale(self.mean, max(1.0, 1e-12 * abs(self.mean)))
        return Scale(self.mean, self.std)


def moments_of(x: Matrix) -> Moments:
    """The moments of all numbers of a matrix, the zeros of a sparse one among them."""
    if issparse(x):
        stored = _sum_up(np.asarray(x.data))  # pyright: ignore[reportAttributeAccessIssue]
        rows, columns = x.shape  # pyright: ignore[reportGeneralTypeIssues]
        return stored.merge(Moments(rows * columns - stored.count, 0.0, 0.0))
    return _sum_up(np.asarray(x))


def _sum_up(x: NDArray[np.generic]) -> Moments:
    step = max(1, _BLOCK // max(1, int(np.prod(x.shape[1:]))))
    starts = range(0, len(x), step)
    found = over_blocks(
        lambda rows: _of_block(x[rows]), [slice(start, start + step) for start in starts]
    )
    return reduce(Moments.merge, found, Moments(0, 0.0, 0.0))


def _of_block(x: NDArray[np.generic]) -> Moments:
    block = x.astype(np.float64).ravel()
    if block.size == 0:
        return Moments(0, 0.0, 0.0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mean = float(block.mean())
        block -= mean
        squares = float(block @ block)
    if 1e-200 < squares < np.inf:
        return Moments(block.size, mean, float(np.sqrt(squares / block.size)))
    # constant, or of such a size that squares overflow or vanish
    block = x.astype(np.float64).ravel()
    k = int(np.frexp(np.abs(block).max())[1])
    block = np.ldexp(block, -k)
    mean = float(block.mean())
    block -= mean
    std = float(np.sqrt(block @ block / block.size))
    return Moments(block.size, float(np.ldexp(mean, k)), float(np.ldexp(std, k)))


def take_rows(x: Matrix, rows: NDArray[np.integer] | slice, scale: Scale) -> NDArray[np.float32]:
    """Some rows, dense, standardised, float32 (rows, d)."""
    taken = x[rows]
    if issparse(taken):
        taken = taken.toarray()  # pyright: ignore[reportAttributeAccessIssue]
    return standardised(np.asarray(taken), scale)
