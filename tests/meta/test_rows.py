"""A run with groups of images and of rows, each with its own classes and labels, read at all
layers: it is resumed bit for bit and scored by group, and has a table among its sources."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from metaplastic.meta.config import MetaTrainConfig
from metaplastic.meta.plan import make_plan
from metaplastic.meta.run.metrics import read_metrics
from metaplastic.meta.run.run_dir import RunDir
from metaplastic.meta.run.trainer import Trainer

from .conftest import hebbian_config


def mixed() -> MetaTrainConfig:
    """Two groups, of 64 pixels and of 9 columns."""
    return hebbian_config(
        groups=2,
        objective={"name": "logistic", "settings": {"layers": "inputs-and-all", "steps": 3}},
        tasks={
            "sources": ["shapes", "table:mine", "tables"],
            "n_classes": [2, 5],
            "labels_per_class": [1, 4],
            "labelled_apart": 8,
            "architectures": {"columns": [9], "vector_groups": 1},
        },
        optimizer={"meta_steps": 2},
        validation={"every": 2, "tasks": 2, "horizons": [1.0]},
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a table of five classes."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "tables").mkdir()
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 60)
    rows = rng.standard_normal((300, 12)) + rng.standard_normal((5, 12))[labels]
    np.savez(folder / "tables" / "mine.npz", X=rows, y=labels)
    return folder


def test_groups_have_their_own_sources_classes_and_labels(data_dir: Path) -> None:
    plan = make_plan(mixed(), data_dir=data_dir)
    assert [a.n_inputs for a in plan.architectures] == [64, 9]
    assert [{s.address for s in plan.sources_of(g)} for g in range(2)] == [
        {"shapes"},
        {"table:mine", "tables"},
    ]
    for stream, tasks in zip(plan.streams(), plan.tasks, strict=True):
        assert stream.config == tasks
        pool = stream.pool(0, 0)
        assert pool.inputs.shape[:2] == (tasks.n_classes, 16)


@pytest.mark.slow
def test_the_run_is_resumed_bit_for_bit_and_scored_by_group(tmp_path: Path, data_dir: Path) -> None:
    def train(path: Path, *, resume: bool = False, until: int | None = None) -> Trainer:
        run = RunDir.resume(path, mixed()) if resume else RunDir.create(path, mixed())
        try:
            trainer = Trainer(run, data_dir=data_dir)
            trainer.train(until=until)
        finally:
            run.close()
        return trainer

    whole = train(tmp_path / "whole")
    train(tmp_path / "cut", until=1)
    cut = train(tmp_path / "cut", resume=True)
    for a, b in zip(jax.tree.leaves(whole.rule), jax.tree.leaves(cut.rule), strict=True):
        np.testing.assert_array_equal(a, b)
    last = read_metrics(tmp_path / "whole")[-1]
    assert np.isfinite(last["loss"])
    assert last["dropped"] == 0
    (by_group,) = last["validation_accuracy_by_group"].values()
    assert len(by_group) == 2
    (accuracy,) = last["validation_accuracy"].values()
    assert np.mean(by_group) == pytest.approx(accuracy, abs=1e-3)
