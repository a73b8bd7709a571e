"""Features of several layers side by side, each layer's block on the same footing.

Block k, of width d_k, becomes

    B_k = (X_k - μ_k) · g_k,    g_k = 1 / (σ_k √d_k),

with μ_k the columns' means and σ_k² the mean over columns of their variance. Then a block's rows
have a mean squared norm of one, whatever its width and units, so that a penalised readout of
`[B_1, B_2, …]` weighs all blocks alike: its Gram matrix is the sum of theirs. Means and variances
are those of the (unlabelled) rows fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ROWS = 4096  # rows worked on at once: memory beside the result stays bounded
_CONSTANT = 1e-6  # a spread below this share of the block's mean level is rounding


class Blocks(NamedTuple):
    """Centres (d_k,), float64, and one gain for each block, in their order."""

    centres: tuple[NDArray[np.float64], ...]
    gains: tuple[float, ...]

    @classmethod
    def fit(cls, blocks: Sequence[NDArray[np.floating]]) -> Blocks:
        """Measure arrays (n, d_k). The gain of a block that does not vary is 1.

        Raises `ValueError` for no block, for blocks without rows or columns, or for blocks that
        differ in their number of rows.
        """
        if not blocks or any(block.ndim != 2 or 0 in block.shape for block in blocks):
            raise ValueError("blocks are matrices with at least one row and one column each")
        if len({len(block) for block in blocks}) > 1:
            raise ValueError(
                f"blocks of {[len(block) for block in blocks]} rows; need equally many"
            )
        measured = [_measure(block) for block in blocks]
        return cls(tuple(centre for centre, _ in measured), tuple(gain for _, gain in measured))

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of columns of each block."""
        return tuple(len(centre) for centre in self.centres)

    def apply(self, blocks: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
        """Scaled blocks side by side, (n, Σ d_k), in the common dtype of the arrays (n, d_k).

        Raises `ValueError` where the blocks are not as wide as those measured.
        """
        if (widths := tuple(block.shape[1] for block in blocks)) != self.widths:
            raise ValueError(f"blocks of widths {widths}; those measured have {self.widths}")
        out = np.empty((len(blocks[0]), sum(widths)), np.result_type(*blocks))
        ends = np.cumsum(widths)
        for block, centre, gain, end in zip(blocks, self.centres, self.gains, ends, strict=True):
            columns = slice(end - len(centre), end)
            for start in range(0, len(block), _ROWS):
                rows = slice(start, start + _ROWS)
                out[rows, columns] = (block[rows] - centre) * gain
        return out


def _measure(block: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """The columns' means and the gain."""
    centre = block.mean(axis=0, dtype=np.float64)
    squares = sum(
        float(np.sum(np.square(block[start : start + _ROWS] - centre)))
        for start in range(0, len(block), _ROWS)
    )
    norm = float(np.sqrt(squares / len(block)))  # σ_k √d_k
    level = float(np.sqrt(np.sum(np.square(centre))))
    return centre, 1.0 / norm if norm > _CONSTANT * level else 1.0
