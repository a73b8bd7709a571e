"""Generator `tables`: rows of numbers like those of users, generated from latent causes.

Every row has latent causes; some of them determine its class, others are disturbances. The columns
depend on the causes through a random network, most of them on few nodes, so that they form
correlated blocks; some are pure noise. Then each column goes through a monotone function (heavy
tails, saturation, whole numbers, counts that are mostly zero), and some become categories, coded as
columns of 0 and 1. See `causes.py` for how classes are made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import N_TARGETS, Augmentation
from metaplastic.tasks.generators.causes import draw_causes
from metaplastic.tasks.source import Drawn, Source
from metaplastic.tasks.standardise import in_width, standardise_rows

FEWEST_COLUMNS = 5
WIDEST = 4  # most inputs per column: beyond, inputs would be mostly padding

Matrix = NDArray[np.float64]


class Tables(Source):
    """Endless tables, each with its own columns, classes and units."""

    address = "tables"

    def fits(self, architecture: Architecture, n_classes: int, distinct: int = 0) -> bool:
        del n_classes, distinct
        return not architecture.is_image

    def draw(
        self,
        rng: np.random.Generator,
        n_classes: int,
        per_class: int,
        architecture: Architecture,
        augmentation: Augmentation,
        apart: int = 0,
    ) -> Drawn:
        """Draw a new table, with a quarter as many to as many columns as the architecture has
        inputs. The amounts are the first causes of its classes."""
        width = architecture.n_inputs
        fewest = min(width, max(FEWEST_COLUMNS, -(-width // WIDEST)))
        count = round(float(np.exp(rng.uniform(np.log(fewest), np.log(width)))))
        causes = draw_causes(rng, n_classes, per_class)
        columns = draw_columns(rng, causes, count)
        amounts = np.zeros((len(causes), N_TARGETS))
        first = causes[:, :N_TARGETS]
        amounts[:, : first.shape[1]] = (first - first.mean(axis=0)) / (first.std(axis=0) + 1e-6)
        return Drawn(in_width(standardise_rows(columns), width), amounts.astype(np.float32))


def draw_columns(rng: np.random.Generator, causes: Matrix, count: int) -> Matrix:
    """Draw `count` columns (n, count) that depend on causes (n, k) and on disturbances."""
    n = len(causes)
    n_disturbances = int(rng.geometric(0.25))
    disturbances = rng.standard_normal((n, n_disturbances))
    disturbances /= np.sqrt(np.arange(1, n_disturbances + 1))
    disturbances *= np.exp(rng.normal(-1.3, 0.8))
    roots = np.concatenate([causes, disturbances], axis=1)
    hidden = roots
    for _ in range(int(rng.integers(0, 3))):
        mixed = _unit(hidden @ _loadings(rng, hidden.shape[1], max(8, count // 2)))
        hidden = np.concatenate([roots, _nonlinear(rng, mixed)], axis=1)
    driven = _unit(hidden @ _loadings(rng, hidden.shape[1], count))
    idle = rng.random(count) < rng.beta(0.7, 6.0)  # columns of pure noise
    noise = np.exp(rng.normal(rng.uniform(-3.5, -0.5), 0.6, count))
    columns = np.where(idle, 0.0, driven) + np.where(idle, 1.0, noise) * rng.standard_normal(
        (n, count)
    )
    return _with_categories(rng, _warped(rng, _unit(columns)))


def _unit(columns: Matrix) -> Matrix:
    return (columns - columns.mean(axis=0)) / (columns.std(axis=0) + 1e-9)


def _loadings(rng: np.random.Generator, below: int, above: int) -> Matrix:
    """Draw random weights, most of them zero: each column has a few parents, which are the same for
    all columns of a block."""
    blocks = int(rng.integers(1, max(2, above // 2) + 1))
    parents = rng.random((below, blocks)) < min(1.0, rng.uniform(1.0, 4.0) / below)
    parents[rng.integers(0, below, blocks), np.arange(blocks)] = True
    shared = parents * rng.standard_normal((below, blocks))
    difference = rng.uniform(0.0, 2.0)  # between the columns of a block
    block = rng.integers(0, blocks, above)
    weights = shared[:, block]
    return weights * (1.0 + difference * rng.standard_normal(weights.shape))


def _nonlinear(rng: np.random.Generator, x: Matrix) -> Matrix:
    """Apply a random nonlinearity, for hidden nodes of the network from causes to columns."""
    kind = int(rng.integers(4))
    if kind == 0:
        return np.tanh(1.5 * x)
    if kind == 1:
        return np.maximum(x, 0.0)
    return np.sin(1.5 * x) if kind == 2 else np.abs(x)


def _warped(rng: np.random.Generator, x: Matrix) -> Matrix:
    """Apply a monotone function to each column of unit variance, and give it its own unit."""
    weights = rng.dirichlet(np.full(6, 0.3))
    kind = rng.choice(6, size=x.shape[1], p=weights)
    out = x.copy()
    heavy, rarity = rng.uniform(0.3, 1.5), rng.uniform(-0.5, 2.5)
    for number, function in enumerate(
        (
            lambda c: c,
            lambda c: np.exp(heavy * c),
            lambda c: np.sign(c) * np.abs(c) ** (1.0 + heavy),
            lambda c: np.tanh(1.5 * c),
            lambda c: np.round(c * rng.uniform(0.5, 3.0)),
            lambda c: np.maximum(c - rarity, 0.0),
        )
    ):
        chosen = kind == number
        out[:, chosen] = function(x[:, chosen])
    if rng.random() < 0.7:  # columns have different units
        out *= np.exp(rng.normal(0.0, 2.0, x.shape[1]))
    return out


def _with_categories(rng: np.random.Generator, x: Matrix) -> Matrix:
    """Turn some columns into categories, with a column of 0 and 1 per level; keep the width."""
    if rng.random() < 0.55:
        return x
    count = x.shape[1]
    wanted = round(count * min(1.0, rng.uniform(0.2, 1.6)))
    order, blocks, used = rng.permutation(count), [], 0
    for column in order:
        levels = int(rng.integers(2, 9))
        levels = 1 if levels == 2 else levels  # yes or no is a single column
        if used + levels > wanted:
            break
        cuts = np.quantile(x[:, column], np.sort(rng.uniform(0.05, 0.95, max(1, levels - 1))))
        level = np.searchsorted(cuts, x[:, column])
        codes = rng.permutation(levels) if levels > 1 else np.array([0, 1])
        blocks.append(np.eye(levels)[codes[level]] if levels > 1 else level[:, None])
        used += levels
    if not blocks:
        return x
    return np.concatenate([x[:, order[: count - used]], *blocks], axis=1)
