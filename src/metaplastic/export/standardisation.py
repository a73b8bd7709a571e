"""Standardisation of the inputs of a fitted network, as constants for an export.

x ↦ clip(((x · first · second − centre) − rest) / std, −limit, limit). Each constant is one number
or one per column. `first` and `second` are 1 unless the inputs' scale is too large or too small for
float32; in that case everything before `rest` is computed in float64. Subtracting `centre` first
keeps precision when means are large.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.encoder.float_range import reduced
from metaplastic.encoder.network import Network


class Standardisation(NamedTuple):
    """See the module's docstring. wide: whether the steps before `rest` are computed in float64."""

    wide: bool
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    centre: NDArray[np.float64]
    rest: NDArray[np.float64]
    std: NDArray[np.float64]
    limit: float

    @classmethod
    def of(cls, network: Network) -> Standardisation:
        """Return the standardisation of a network."""
        k, scale = network.exponent, reduced(network.scale)
        half = k // 2  # two factors, since 2^-k alone may exceed float64's range
        centre = np.asarray(network.centre, np.float64)
        return cls(
            wide=bool(np.any(k)),
            first=np.exp2(-half.astype(np.float64)),
            second=np.exp2((half - k).astype(np.float64)),
            centre=centre,
            rest=np.asarray(scale.mean - centre),
            std=np.asarray(scale.std, np.float64),
            limit=scale.limit,
        )


class Columns(NamedTuple):
    """Indices of the features among the columns of all layers side by side, the inputs first, and
    their (x − centre) · gain; `deepest` is the last layer that is needed."""

    chosen: NDArray[np.int64]
    centre: NDArray[np.float64]
    gain: NDArray[np.float64]
    deepest: int

    @classmethod
    def of(cls, network: Network, layers: tuple[int, ...]) -> Columns:
        """Return the columns of the layers read. Raises ConfigError as `Network.blocks`."""
        blocks = network.blocks(layers)
        starts = np.concatenate([[0], np.cumsum(network.sizes)])
        spans: list[Any] = [np.arange(starts[layer], starts[layer + 1]) for layer in layers]
        gains = [np.full(len(span), gain) for span, gain in zip(spans, blocks.gains, strict=True)]
        return cls(
            np.concatenate(spans),
            np.concatenate(blocks.centres),
            np.concatenate(gains),
            max(layers),
        )

    @classmethod
    def last(cls, network: Network) -> Columns:
        """Return the columns of the last layer alone, unscaled."""
        width, before = network.sizes[-1], sum(network.sizes[:-1])
        chosen = np.arange(before, before + width)
        return cls(chosen, np.zeros(width), np.ones(width), len(network.sizes) - 1)
