"""How local receptive fields are, in numbers: smooth, small, and of which components of the data.

Of a field w over the pixels p of an image:

- `neighbours`: the correlation of w_p and w_q over all pairs of pixels that touch, side by side or
  one above the other, in the same channel. Noise has 0, a smooth field nearly 1.
- `radius`: √(Σ w_p² |p - c|² / Σ w_p²) with c = Σ w_p² p / Σ w_p², over that of a field of equal
  weights: 1 for a field spread over the whole image, small for a local one.
- `components`: 1 / Σ_k s_k², with s_k the share of |w|² along the k-th principal component of the
  data: how many of them the field is made of.

Pixels that hardly vary in the data are left out: nothing pulls at their weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.results import mean_and_error

MEASURES = ("neighbours", "radius", "components")
LOCALITY_ROWS = 2000  # of the data, for their own numbers and their principal components
STILL = 0.05  # standard deviation, of inputs that have one of 1 on average


def locality(fields: NDArray[np.floating], problem: Problem) -> dict[str, dict[str, float | int]]:
    """Mean and standard error over the fields (N_0, units) of each measure; none for what is no
    image."""
    shape = problem.shape
    if len(shape) not in (2, 3):
        return {}
    rows = problem.train[:LOCALITY_ROWS]
    alive = rows.std(axis=0) > STILL
    own = np.asarray(fields, np.float64) * alive[:, None]
    per_unit = {
        "neighbours": _neighbours(own, alive, shape),
        "radius": _radius(own, alive, shape),
        "components": _components(own, rows),
    }
    return {name: mean_and_error(values.tolist()) for name, values in per_unit.items()}


def touching(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs of inputs that touch, each once, as two arrays of indices into flat images."""
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
    return _over((a * b).sum(axis=0), np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0)))


def _radius(
    fields: NDArray[np.float64], alive: NDArray[np.bool_], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    grid = np.meshgrid(*(np.arange(side) for side in shape[:2]), indexing="ij")
    places = np.stack([np.repeat(axis.ravel(), alive.size // axis.size) for axis in grid], axis=1)

    def spread(squares: NDArray[np.float64]) -> NDArray[np.float64]:
        share = _over(squares, squares.sum(axis=0))
        centre = share.T @ places
        return np.sqrt(np.maximum(share.T @ (places**2).sum(axis=1) - (centre**2).sum(axis=1), 0))

    return _over(spread(fields**2), spread(alive[:, None].astype(float)))


def _components(fields: NDArray[np.float64], rows: NDArray[np.floating]) -> NDArray[np.float64]:
    centred = np.asarray(rows, np.float64) - rows.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    squares = (axes.T @ fields) ** 2
    return _over(np.ones(fields.shape[1]), (_over(squares, squares.sum(axis=0)) ** 2).sum(axis=0))


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotient; not a number, which means leave out, where there is nothing to divide by."""
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
