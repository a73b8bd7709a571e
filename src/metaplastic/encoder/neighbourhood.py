"""Features of rows averaged over their nearest fitted rows, as a second view of each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metaplastic.averaging import KEPT, ROUNDS, Averaging
from metaplastic.base_model import Statistics
from metaplastic.encoder.float_range import feature_dtype
from metaplastic.encoder.moments import Matrix, take_rows
from metaplastic.encoder.network import Network
from metaplastic.encoder.scale import InputScale
from metaplastic.inner_loop import statistics_rows
from metaplastic.progress import Progress, silent

_ROWS = 4096  # rows averaged at once, to bound memory
_STANDARDISED = InputScale(0.0, 1.0)


class Neighbourhood:
    """The fitted rows, and the network that reads averages over them. Immutable.

    `averaging` applies to standardised rows. `network` has the encoder's weights and batch-norm
    statistics; its `activity` is that of the averaged rows, so that their blocks have equal weight.
    """

    def __init__(
        self, averaging: Averaging, network: Network, activity: Sequence[Statistics] | None
    ) -> None:
        self.averaging = averaging
        self.network = Network(
            network.weights,
            network.biases,
            network.statistics,
            _STANDARDISED,
            network.spec,
            activity,
        )

    @classmethod
    def fit(
        cls, network: Network, rows: Matrix, k: int, progress: Progress = silent
    ) -> Neighbourhood:
        """Fit on all rows (n, d), not standardised, of which each keeps its `k` nearest."""
        progress("nearest neighbours")
        standardised = take_rows(rows, slice(None), network.scale)
        averaging = Averaging.fit(standardised, k, ROUNDS, KEPT)
        averaged = averaging(statistics_rows(standardised))
        plain = cls(averaging, network, None).network
        layers = [plain.first(n).features(averaged) for n in range(1, len(network.weights) + 1)]
        return cls(averaging, network, [_statistics(block) for block in (averaged, *layers)])

    def features(
        self, rows: Matrix, scale: InputScale, layers: Sequence[int] | None
    ) -> NDArray[np.floating]:
        """Return the features of the averages of rows (n, d), of the encoder's input `scale`; the
        layers and the dtype are those of `Network.features`."""
        dtype = feature_dtype(rows.dtype)
        count: int = rows.shape[0]  # pyright: ignore[reportOptionalSubscript]
        parts = []
        for start in range(0, count, _ROWS):
            averaged = self.averaging(take_rows(rows, slice(start, start + _ROWS), scale))
            parts.append(self.network.features(averaged.astype(dtype, copy=False), layers))
        return np.concatenate(parts)


def _statistics(block: NDArray[np.floating]) -> Statistics:
    mean, variance = block.mean(axis=0, dtype=np.float64), block.var(axis=0, dtype=np.float64)
    return Statistics(mean.astype(np.float32), variance.astype(np.float32))  # pyright: ignore
