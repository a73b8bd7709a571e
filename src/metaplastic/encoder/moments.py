"""Mean and standard deviation of a matrix's columns, and of all its numbers, block by block.

Sparse matrices are never made dense; sums are in float64 whatever the input; moments can be merged,
for `partial_fit`. Numbers near the ends of float64's range are summed as multiples of a power of
two, so that their squares neither overflow nor underflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, issparse

from metaplastic.base_model import Statistics
from metaplastic.encoder.float_range import standardised
from metaplastic.encoder.threads import over_blocks

if TYPE_CHECKING:
    from metaplastic.encoder.scale import InputScale

Matrix: TypeAlias = NDArray[np.number] | NDArray[np.bool_] | csr_matrix | csr_array

_BLOCK = 2**17  # numbers summed at once, few enough to stay in the cache


@dataclass(frozen=True)
class Moments:
    """Count of numbers, their mean, and their standard deviation (divisor: the count).

    Mean and std are scalars, over all numbers of a matrix, or arrays (d,), one value per column.
    """

    count: int
    mean: Any
    std: Any

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of numbers together."""
        if self.count == 0 or other.count == 0:
            return self if other.count == 0 else other
        count = self.count + other.count
        ours, theirs = self.count / count, other.count / count
        mean = ours * self.mean + theirs * other.mean
        # avoids the full gap and any square, either of which could overflow float64
        half_gap = other.mean / 2 - self.mean / 2
        within = np.hypot(sqrt(ours) * self.std, sqrt(theirs) * other.std)
        return Moments(count, mean, np.hypot(within, 2 * sqrt(ours * theirs) * half_gap))

    def pooled(self) -> Moments:
        """Return the moments over all columns together; the columns have equal counts."""
        if np.ndim(self.mean) == 0:
            return self
        k = np.frexp(max(np.abs(self.mean).max(), np.max(self.std)))[1]
        means, stds = np.ldexp(self.mean, -k), np.ldexp(self.std, -k)
        mean = means.mean()
        std = np.sqrt(np.mean(np.square(stds)) + np.mean(np.square(means - mean)))
        return Moments(self.count * means.size, float(np.ldexp(mean, k)), float(np.ldexp(std, k)))


def column_moments(x: Matrix) -> Moments:
    """Return the moments of each column of a matrix (n, d), counting the zeros of a sparse one."""
    if issparse(x):
        return _of_sparse(x)
    array = np.asarray(x)
    step = max(16, _BLOCK // max(1, array.shape[1]))
    moments = over_blocks(
        lambda rows: _of_block(array[rows]),
        [slice(start, start + step) for start in range(0, len(array), step)],
    )
    return reduce(Moments.merge, moments)


def _of_block(x: NDArray[np.generic]) -> Moments:
    block = x.astype(np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mean = block.mean(axis=0)
        block -= mean
        squares = np.einsum("ij,ij->j", block, block)
    if np.all((squares > 1e-200) & (squares < np.inf)):
        return Moments(len(block), mean, np.sqrt(squares / len(block)))
    # some column is constant, or so large or small that its squares overflow or underflow
    block = x.astype(np.float64)
    k = np.frexp(np.abs(block).max(axis=0))[1]
    block = np.ldexp(block, -k)
    mean = block.mean(axis=0)
    block -= mean
    std = np.sqrt(np.einsum("ij,ij->j", block, block) / len(block))
    return Moments(len(block), np.ldexp(mean, k), np.ldexp(std, k))


def _of_sparse(x: Any) -> Moments:
    rows, columns = x.shape
    x = x.copy() if not x.has_canonical_format else x
    x.sum_duplicates()
    data, column = np.asarray(x.data, np.float64), x.indices
    largest = np.zeros(columns)
    np.maximum.at(largest, column, np.abs(data))
    k = np.frexp(largest)[1]
    data = np.ldexp(data, -k[column])
    mean = np.bincount(column, data, columns) / rows
    stored = np.bincount(column, minlength=columns)
    squares = np.bincount(column, np.square(data - mean[column]), columns)
    std = np.sqrt((squares + (rows - stored) * np.square(mean)) / rows)
    return Moments(rows, np.ldexp(mean, k), np.ldexp(std, k))


def merge_statistics(
    old: Sequence[Statistics], new: Sequence[Statistics], weight: float
) -> tuple[Statistics, ...]:
    """Return the statistics of a mixture: `weight` of the new, 1 − `weight` of the old."""
    merged = []
    for before, after in zip(old, new, strict=True):
        gap = after.mean - before.mean
        mean = before.mean + weight * gap
        within = (1 - weight) * before.variance + weight * after.variance
        merged.append(Statistics(mean, within + weight * (1 - weight) * gap * gap))
    return tuple(merged)


def take_rows(
    x: Matrix, rows: NDArray[np.integer] | slice, scale: InputScale
) -> NDArray[np.float32]:
    """Return some rows, dense, standardised, float32 (rows, d)."""
    taken = x[rows]
    if issparse(taken):
        taken = taken.toarray()  # pyright: ignore[reportAttributeAccessIssue]
    return standardised(np.asarray(taken), scale)
