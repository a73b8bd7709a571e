"""Arrays of a `Neighbourhood` in an encoder's file: see `file_format`."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from metaplastic.averaging import KEPT, ROUNDS, Averaging
from metaplastic.base_model import Statistics
from metaplastic.encoder.file_format import Arrays
from metaplastic.encoder.neighbourhood import Neighbourhood
from metaplastic.encoder.network import Network
from metaplastic.errors import ModelFileError
from metaplastic.hub.pytrees import fill

PREFIX = "neighbours."


def pack(neighbourhood: Neighbourhood) -> Arrays:
    """Return the fitted rows and the statistics of the averaged ones, under their names."""
    activity = neighbourhood.network.activity or ()
    levels = neighbourhood.averaging.levels
    arrays: Arrays = {f"{PREFIX}rows.{r}": np.asarray(level) for r, level in enumerate(levels)}
    for layer, statistics in enumerate(activity):
        for part in Statistics._fields:
            arrays[f"{PREFIX}{part}.{layer}"] = np.asarray(getattr(statistics, part))
    return arrays


def unpack(arrays: Arrays, k: int, network: Network, where: str) -> Neighbourhood:
    """Return the neighbourhood from which `pack` made these arrays. Raises `ModelFileError`."""
    given = {
        name.removeprefix(PREFIX): array
        for name, array in arrays.items()
        if name.startswith(PREFIX)
    }
    first = given.get("rows.0", np.empty(0))
    if first.ndim != 2 or not len(first):
        raise ModelFileError(f"{where}: {PREFIX}rows.0 is missing or not a matrix of rows")
    skeleton: Any
    with jax.enable_x64(False):
        blocks = [jax.ShapeDtypeStruct((width,), np.float32) for width in network.sizes]
        rows = jax.ShapeDtypeStruct((len(first), network.sizes[0]), np.float32)
        skeleton = {"rows": [rows] * ROUNDS, **dict.fromkeys(Statistics._fields, blocks)}
    found = fill(skeleton, given, where, ModelFileError, np.array)
    if any((variance < 0).any() for variance in found["variance"]):
        raise ModelFileError(f"{where}: holds variances below 0")
    activity = [*map(Statistics, found["mean"], found["variance"])]
    return Neighbourhood(Averaging(found["rows"], k, KEPT), network, activity)
