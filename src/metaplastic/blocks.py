"""Concatenate the features of several layers, giving each layer's block equal weight.

Block k of m, of width d_k, becomes

    B_k = (X_k - μ_k) · g_k,    g_k = √(D / m) / (σ_k √d_k),    D = Σ_k d_k,

with μ_k the columns' means and σ_k² the mean over columns of their variance. Then the rows of all
blocks have the same mean squared norm, D / m, whatever their widths and units, so that a penalised
readout of `[B_1, B_2, …]` gives all blocks equal weight: its Gram matrix is the sum of theirs. The
mean variance over all columns is one, as readouts with a fixed penalty expect. Means and variances
are those of the (unlabelled) rows used for fitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ROWS = 4096  # rows processed at once, to bound memory besides the result
_CONSTANT = 1e-6  # a spread below this fraction of the block's mean level is rounding error


class Blocks(NamedTuple):
    """Centres (d_k,), float64, and one gain per block, in the order of the blocks."""

    centres: tuple[NDArray[np.float64], ...]
    gains: tuple[float, ...]

    @classmethod
    def fit(cls, blocks: Sequence[NDArray[np.floating]]) -> Blocks:
        """Compute centres and gains from arrays (n, d_k). A constant block becomes zeros.

        Raises `ValueError` if there is no block, if a block has no rows or columns, or if blocks
        differ in their number of rows.
        """
        if not blocks or any(block.ndim != 2 or 0 in block.shape for block in blocks):
            raise ValueError("blocks must be matrices with at least one row and one column each")
        if len({len(block) for block in blocks}) > 1:
            raise ValueError(
                f"blocks have {[len(block) for block in blocks]} rows; all must have equally many"
            )
        means = [block.mean(axis=0, dtype=np.float64) for block in blocks]
        return cls.of(means, [_variance(*pair) for pair in zip(blocks, means, strict=True)])

    @classmethod
    def of(
        cls, means: Sequence[NDArray[np.floating]], variances: Sequence[NDArray[np.floating]]
    ) -> Blocks:
        """Compute centres and gains from the means and variances (d_k,) of each block's columns."""
        centres = tuple(np.asarray(mean, np.float64) for mean in means)
        level = float(np.sqrt(sum(map(len, centres)) / len(centres)))
        return cls(
            centres, tuple(level / _norm(*pair) for pair in zip(centres, variances, strict=True))
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of columns of each block."""
        return tuple(len(centre) for centre in self.centres)

    def apply(self, blocks: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
        """Return the scaled blocks side by side, (n, Σ d_k), in the common dtype of the arrays
        (n, d_k). Raises `ValueError` if their widths differ from those fitted."""
        if (widths := tuple(block.shape[1] for block in blocks)) != self.widths:
            raise ValueError(f"blocks have widths {widths}; the fitted ones have {self.widths}")
        out = np.empty((len(blocks[0]), sum(widths)), np.result_type(*blocks))
        ends = np.cumsum(widths)
        for block, centre, gain, end in zip(blocks, self.centres, self.gains, ends, strict=True):
            columns = slice(end - len(centre), end)
            for start in range(0, len(block), _ROWS):
                rows = slice(start, start + _ROWS)
                out[rows, columns] = (block[rows] - centre) * gain
        return out


def _variance(block: NDArray[np.floating], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = sum(
        np.square(block[start : start + _ROWS] - mean).sum(axis=0)
        for start in range(0, len(block), _ROWS)
    )
    return np.asarray(squares / len(block))


def _norm(centre: NDArray[np.float64], variance: NDArray[np.floating]) -> float:
    """Return σ_k √d_k, or 1 for a constant block."""
    norm = float(np.sqrt(np.sum(variance, dtype=np.float64)))
    return norm if norm > _CONSTANT * float(np.sqrt(np.sum(np.square(centre)))) else 1.0
