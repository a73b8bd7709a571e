"""Two interleaved half circles in the plane."""

from __future__ import annotations

import numpy as np

from metaplastic.data.dataset import Card, Dataset, Split
from metaplastic.data.source import Request, Source

CARD = Card(
    name="two_moons",
    title="Two moons",
    kind="vector",
    origin="drawn here, seeded, as in sklearn.datasets.make_moons",
    licence="Apache-2.0",
    citation="Pedregosa et al., Scikit-learn, JMLR 12 (2011)",
    role="held-out",
    summary="two half circles of 1,000 points each per split, noise of standard deviation 0.1",
)
COUNT = 2000
NOISE = 0.1


def _moons(rng: np.random.Generator) -> Split:
    half = COUNT // 2
    angle = np.linspace(0, np.pi, half)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = np.concatenate([upper, lower]) + NOISE * rng.standard_normal((COUNT, 2))
    labels = np.repeat(np.arange(2, dtype=np.int32), half)
    order = rng.permutation(COUNT)
    return Split(points[order].astype(np.float32), labels[order])


def _load(request: Request) -> Dataset:
    rng = np.random.default_rng(20180406)
    splits = {"train": _moons(rng), "test": _moons(rng)}
    return Dataset(CARD, splits, ("upper", "lower"), (2,))


SOURCE = Source(CARD, _load)
