"""Generators of tasks: their data have the intended structure."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from metaplastic.tasks import (
    Architecture,
    Augmentation,
    Drawn,
    Source,
    TaskConfig,
    fitting,
    load_sources,
    sample_task,
)
from metaplastic.tasks.augmentation import N_TARGETS
from metaplastic.tasks.generators.causes import draw_causes
from metaplastic.tasks.generators.shapes import SIDE, draw_shapes

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
ARCHITECTURE = Architecture(14, 1, (64,), 32)
OF_ROWS = ("signals", "tables")  # only for groups of rows


def architecture_of(name: str, columns: int = 48) -> Architecture:
    """Return an architecture that the generator fits."""
    return Architecture(0, 0, (64,), 32, columns=columns) if name in OF_ROWS else ARCHITECTURE


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("shapes", 0.5, 0.85),
        ("topics", 0.2, 0.6),
        ("reviews", 0.15, 0.4),
        ("tables", 0.3, 0.8),
        ("signals", 0.35, 0.9),
    ],
)
def test_classes_are_separable_but_not_easily(name: str, least: float, most: float) -> None:
    """Accuracy of a linear readout of raw inputs with ten labels per class, over eight tasks."""
    sources = load_sources([name], "meta-train", n_classes=10)
    accuracies = []
    for seed in range(8):
        task = sample_task(sources, TaskConfig(), architecture_of(name), [seed])
        fit, test = task.inputs[:, :10].reshape(100, -1), task.inputs[:, 10:].reshape(500, -1)
        readout = RidgeCV(np.logspace(-1, 4, 11)).fit(fit, np.eye(10)[np.repeat(range(10), 10)])
        predicted = readout.predict(test).argmax(1)
        accuracies.append(np.mean(predicted == np.repeat(np.arange(10), 50)))
    assert least < np.mean(accuracies) < most


def test_shapes_are_filled_where_they_are_drawn() -> None:
    images = draw_shapes(np.random.default_rng(0), 10, 20)
    assert images.shape == (200, SIDE, SIDE)
    assert images.dtype == np.uint8
    drawn = (images > 60).mean((1, 2))
    assert (drawn > 0.02).mean() > 0.95
    assert 0.1 < drawn.mean() < 0.7


def test_few_classes_are_drawn_too() -> None:
    assert draw_shapes(np.random.default_rng(1), 2, 3).shape == (6, SIDE, SIDE)


def test_reviews_lack_most_words_of_the_vocabulary() -> None:
    """More than `topics` do: the most frequent value of a column is that of an absent word."""
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


@pytest.mark.parametrize("name", OF_ROWS)
@pytest.mark.parametrize(("columns", "n_classes"), [(5, 2), (16, 30), (300, 3)])
def test_rows_have_the_width_of_the_group_and_are_padded_with_zeros(
    name: str, columns: int, n_classes: int
) -> None:
    (source,) = load_sources([name], "meta-train", n_classes=n_classes)
    architecture = architecture_of(name, columns)
    assert source.fits(architecture, n_classes)
    assert not source.fits(ARCHITECTURE, n_classes)
    used_counts = []
    for seed in range(12):
        drawn = source.draw(
            np.random.default_rng(seed), n_classes, 20, architecture, Augmentation(), 8
        )
        assert drawn.inputs.shape == (20 * n_classes, columns)
        assert np.isfinite(drawn.inputs).all()
        assert np.abs(drawn.inputs).max() <= 30.0
        used = drawn.inputs.any(axis=0)
        used_counts.append(used.sum())
        assert drawn.inputs[:, used].std() == pytest.approx(1.0, abs=0.15)
        assert np.abs(drawn.amounts.mean(axis=0)).max() < 0.4
    assert min(used_counts) >= columns // 5
    assert max(used_counts) > 0.6 * columns


def test_tables_are_diverse() -> None:
    """Tables differ in categories, heavy tails, correlated blocks, and units of columns."""
    (source,) = load_sources(["tables"], "meta-train", n_classes=4)
    two_valued, kurtosis, rank = [], [], []
    for seed in range(40):
        drawn = source.draw(
            np.random.default_rng(seed), 4, 60, architecture_of("tables"), Augmentation()
        )
        x = drawn.inputs[:, np.ptp(drawn.inputs, axis=0) > 0].astype(np.float64)
        two_valued.append(np.mean([len(np.unique(column)) == 2 for column in x.T]))
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        kurtosis.append(np.median(np.mean(z**4, axis=0)))
        eigenvalues = np.linalg.eigvalsh(np.cov(x.T))
        rank.append(eigenvalues.sum() ** 2 / np.square(eigenvalues).sum() / x.shape[1])
    assert 0.1 < np.mean(np.array(two_valued) > 0.1) < 0.7
    assert np.quantile(kurtosis, 0.1) < 3.0 < 8.0 < np.quantile(kurtosis, 0.9)
    assert np.quantile(rank, 0.1) < 0.2 < 0.5 < np.quantile(rank, 0.9)


def test_classes_have_equal_numbers_of_rows_and_different_causes() -> None:
    """However classes are made, their means nearly always differ."""
    different = 0
    for seed in range(20):
        causes = draw_causes(np.random.default_rng(seed), 3, 50)
        assert causes.shape[0] == 150
        assert np.isfinite(causes).all()
        means = causes.reshape(3, 50, -1).mean(axis=1)
        error = causes.std(axis=0) / np.sqrt(50)
        different += np.max(np.ptp(means, axis=0) / error) > 4.0
    assert different >= 16


def test_a_users_generator_is_written_as_documented() -> None:
    """The signatures in CONTRIBUTING.md are those of `Source`, and suffice for a task."""
    for method in (Source.draw, Source.fits):
        parameters = list(inspect.signature(method).parameters.values())[1:]
        names = (p.name if p.default is p.empty else f"{p.name}={p.default}" for p in parameters)
        assert f"`{method.__name__}({', '.join(names)}) -> " in CONTRIBUTING.read_text()

    class Noise(Source):
        address = "noise"

        def draw(self, rng, n_classes, per_class, architecture, augmentation, apart=0):
            n = n_classes * per_class
            inputs = rng.standard_normal((n, architecture.n_inputs)).astype(np.float32)
            return Drawn(inputs, np.zeros((n, N_TARGETS), np.float32))

    sources = fitting([Noise()], ARCHITECTURE, 3)
    config = TaskConfig(n_classes=3, examples_per_class=8, labelled_apart=4, labels_per_class=2)
    assert sample_task(sources, config, ARCHITECTURE, [1]).inputs.shape == (3, 12, 196)
