"""Layers that a transform reads, and the names of their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from metaplastic.base_model import ModelSpec, pooled_shape
from metaplastic.blocks import Blocks
from metaplastic.errors import ConfigError


def layers_read(setting: str | Iterable[int], depth: int) -> tuple[int, ...] | None:
    """Return the layers whose blocks are concatenated, 0 for the inputs; None for the last alone.

    setting: "all" (the inputs and every layer), "last", or layer numbers, negative ones counting
    from the last. depth: the number of layers, L. Raises ConfigError on anything else.
    """
    if isinstance(setting, str) and setting in ("all", "last"):
        return None if setting == "last" else tuple(range(depth + 1))
    is_list = isinstance(setting, Iterable) and not isinstance(setting, str)
    numbers = tuple(setting) if is_list else ()
    if not numbers or not all(
        isinstance(n, Integral) and not isinstance(n, bool) and -depth - 1 <= int(n) <= depth
        for n in numbers
    ):
        shown = list(numbers) if numbers else setting
        raise ConfigError(
            f"layers={shown!r}: give 'all', 'last', or numbers from 0 (the inputs) to {depth} (the "
            "last layer)"
        )
    chosen = tuple(int(n) % (depth + 1) for n in numbers)
    if len(set(chosen)) < len(chosen):
        raise ConfigError(f"layers={list(numbers)}: give each layer only once")
    return chosen


def column_names(
    layers: Sequence[int] | None, model: ModelSpec, inputs: Sequence[str]
) -> list[str]:
    """Return a name for each feature: input_NAME for an input, layer2_7 for unit 7 of layer 2, and
    layer1_r0c2_7 for channel 7 of a map in the region, or at the position, of row 0, column 2."""
    names: list[str] = []
    for layer in [len(model.layers)] if layers is None else layers:
        *region, units = pooled_shape(model.shapes[layer], model.pool)
        if layer == 0:
            names += [f"input_{name}" for name in inputs]
        elif region:
            names += [
                f"layer{layer}_r{row}c{column}_{unit}"
                for row, column, unit in np.ndindex(*region, units)
            ]
        else:
            names += [f"layer{layer}_{unit}" for unit in range(units)]
    return names


class Columns:
    """Columns of the features that hold each layer's block."""

    def __init__(self, layers: Sequence[int], blocks: Blocks) -> None:
        ends = np.cumsum(blocks.widths)
        self.width, self.deepest = int(ends[-1]), max(layers)
        self._of = [
            (layer, slice(int(end) - len(centre), int(end)), centre, gain)
            for layer, end, centre, gain in zip(
                layers, ends, blocks.centres, blocks.gains, strict=True
            )
        ]

    def put(self, out: NDArray, layer: int, block: Callable[[], NDArray]) -> None:
        """Write a layer's block, centred and scaled, to its columns, if the layer is read."""
        for chosen, columns, centre, gain in self._of:
            if chosen == layer:
                out[:, columns] = (block() - centre.astype(out.dtype)) * out.dtype.type(gain)
