"""Generators of tasks: that what is to be learned is there."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from metaplastic.tasks import (
    Architecture,
    Augmentation,
    TaskConfig,
    load_sources,
    sample_task,
)
from metaplastic.tasks.generators.shapes import SIDE, draw_shapes

ARCHITECTURE = Architecture(14, 1, (64,), 32)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("shapes", 0.5, 0.85), ("topics", 0.2, 0.6), ("reviews", 0.15, 0.4)],
)
def test_classes_can_be_told_apart_but_not_easily(name: str, least: float, most: float) -> None:
    """A linear readout of the raw inputs from ten labels a class, over eight tasks."""
    sources = load_sources([name], "meta-train", n_classes=10)
    found = []
    for seed in range(8):
        task = sample_task(sources, TaskConfig(), ARCHITECTURE, [seed])
        fit, test = task.inputs[:, :10].reshape(100, -1), task.inputs[:, 10:].reshape(500, -1)
        readout = RidgeCV(np.logspace(-1, 4, 11)).fit(fit, np.eye(10)[np.repeat(range(10), 10)])
        guess = readout.predict(test).argmax(1)
        found.append(np.mean(guess == np.repeat(np.arange(10), 50)))
    assert least < np.mean(found) < most


def test_shapes_are_filled_where_they_are_drawn() -> None:
    images = draw_shapes(np.random.default_rng(0), 10, 20)
    assert images.shape == (200, SIDE, SIDE)
    assert images.dtype == np.uint8
    drawn = (images > 60).mean((1, 2))
    assert (drawn > 0.02).mean() > 0.95
    assert 0.1 < drawn.mean() < 0.7


def test_few_classes_are_drawn_too() -> None:
    assert draw_shapes(np.random.default_rng(1), 2, 3).shape == (6, SIDE, SIDE)


def test_reviews_have_most_words_of_the_vocabulary_nowhere() -> None:
    """Beside `topics`: a column's commonest value is that of a word not there."""
    share = {}
    for name in ("topics", "reviews"):
        sources = load_sources([name], "meta-train", n_classes=10)
        config = TaskConfig(augmentation=Augmentation(noise=0.0))
        columns = np.concatenate(
            [
                sample_task(sources, config, ARCHITECTURE, [seed]).inputs.reshape(600, -1)
                for seed in range(8)
            ],
            axis=1,
        )
        share[name] = np.mean(columns == columns.min(axis=0))
    assert share["reviews"] > 0.75 > 0.65 > share["topics"]
