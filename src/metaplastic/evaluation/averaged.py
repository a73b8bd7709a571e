"""Read a network twice: rows as they are, and averaged over their nearest unlabelled rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.averaging import KEPT, ROUNDS, Averaging
from metaplastic.blocks import Blocks
from metaplastic.evaluation.inner_loop import AllLayers, Network, read_all_layers
from metaplastic.inner_loop import statistics_rows

NEIGHBOURS = 10

Rows = NDArray[np.float32]


class Averages:
    """Averages of rows over the nearest of all unlabelled rows (n, d), which do not depend on the
    network: those of the longest array so far, as a rule the test split, are kept for the next
    network."""

    def __init__(self, unlabelled: Rows) -> None:
        self._averaging = Averaging.fit(unlabelled, NEIGHBOURS, ROUNDS, KEPT)
        self._kept: tuple[Rows, Rows] | None = None
        self.statistics_rows = self._averaging(statistics_rows(unlabelled))

    def __call__(self, rows: Rows) -> Rows:
        """Average rows (m, d)."""
        if self._kept is not None and rows is self._kept[0]:
            return self._kept[1]
        averages = self._averaging(rows)
        if self._kept is None or len(rows) > len(self._kept[0]):
            self._kept = rows, averages
        return averages


class ReadTwice(NamedTuple):
    """The inputs and all layers, then the same of averages; see `PlasticEncoder`, `neighbours`."""

    averages: Averages
    plain: AllLayers
    averaged: AllLayers

    def __call__(self, inputs: Rows) -> NDArray[np.floating]:
        """Return features (n, 2 (d + N_1 + … + N_L)) of rows (n, d)."""
        return np.hstack([self.plain(inputs), self.averaged(self.averages(inputs))])


def read_twice(network: Network, unlabelled: Rows, averages: Averages) -> ReadTwice:
    """Read every layer twice, each half's blocks scaled by at most 4,096 unlabelled rows."""
    rows = averages.statistics_rows
    averaged = AllLayers(network, Blocks.fit([rows, *network.layers(rows)]))
    return ReadTwice(averages, read_all_layers(network, unlabelled), averaged)
