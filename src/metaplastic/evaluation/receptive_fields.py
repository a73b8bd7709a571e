"""Measures of how local receptive fields are: smoothness, size and spectral content.

For a field w over the pixels p of an image:

- `neighbours`: the correlation of w_p and w_q over all pairs of pixels of one channel that are
  adjacent horizontally or vertically: 0 for noise, nearly 1 for a smooth field.
- `radius`: √(Σ w_p² |p - c|² / Σ w_p²) with c = Σ w_p² p / Σ w_p², relative to a field of equal
  weights: 1 for a field spread over the whole image, small for a local one.
- `components`: 1 / Σ_k s_k², with s_k the share of |w|² along the k-th principal component of the
  data: the effective number of components of the field.

Pixels that hardly vary in the data are left out, as nothing constrains their weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.results import mean_and_error

MEASURES = ("neighbours", "radius", "components")
LOCALITY_ROWS = 2000  # of the data, for its own measures and principal components
STILL = 0.05  # standard deviation below which an input counts as constant (mean: 1)


def locality(fields: NDArray[np.floating], problem: Problem) -> dict[str, dict[str, float | int]]:
    """Compute mean and standard error over the fields (N_0, units) for each measure; empty if the
    data are not images."""
    shape = problem.shape
    if len(shape) not in (2, 3):
        return {}
    rows = problem.train[:LOCALITY_ROWS]
    alive = rows.std(axis=0) > STILL
    masked = np.asarray(fields, np.float64) * alive[:, None]
    per_unit = {
        "neighbours": _neighbours(masked, alive, shape),
        "radius": _radius(masked, alive, shape),
        "components": _components(masked, rows),
    }
    return {name: mean_and_error(values.tolist()) for name, values in per_unit.items()}


def touching(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of adjacent inputs, each once, as two arrays of indices into flat images."""
    index = np.arange(int(np.prod(shape))).reshape(*shape[:2], -1)
    first = [index[:-1].ravel(), index[:, :-1].ravel()]
    second = [index[1:].ravel(), index[:, 1:].ravel()]
    return np.concatenate(first), np.concatenate(second)


def _neighbours(
    fields: NDArray[np.float64], alive: NDArray[np.bool_], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    first, second = touching(shape)
    both = alive[first] & alive[second]
    a, b = fields[first[both]], fields[second[both]]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return _ratio((a * b).sum(axis=0), np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0)))


def _radius(
    fields: NDArray[np.float64], alive: NDArray[np.bool_], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    grid = np.meshgrid(*(np.arange(side) for side in shape[:2]), indexing="ij")
    pixels = np.stack([np.repeat(axis.ravel(), alive.size // axis.size) for axis in grid], axis=1)

    def spread(squares: NDArray[np.float64]) -> NDArray[np.float64]:
        share = _ratio(squares, squares.sum(axis=0))
        centre = share.T @ pixels
        return np.sqrt(np.maximum(share.T @ (pixels**2).sum(axis=1) - (centre**2).sum(axis=1), 0))

    return _ratio(spread(fields**2), spread(alive[:, None].astype(float)))


def _components(fields: NDArray[np.float64], rows: NDArray[np.floating]) -> NDArray[np.float64]:
    centred = np.asarray(rows, np.float64) - rows.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    squares = (axes.T @ fields) ** 2
    return _ratio(np.ones(fields.shape[1]), (_ratio(squares, squares.sum(axis=0)) ** 2).sum(axis=0))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; the result is NaN, which means leave out, where the divisor is 0."""
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
