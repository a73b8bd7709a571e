"""A small meta-training must beat its initial rule, and a random network."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from metaplastic.evaluation import FewShotConfig, evaluate
from metaplastic.meta.run.metrics import read_metrics
from metaplastic.meta.run.run_dir import RunDir
from metaplastic.meta.run.trainer import Trainer

from .conftest import tiny_config

SETTINGS = {
    "estimator": "full",
    "tasks_per_group": 4,
    "rule": {"settings": {"hidden": 8, "error_channels": 2, "readout_channels": 2}},
    "tasks": {
        "n_classes": 5,
        "examples_per_class": 20,
        "labels_per_class": 10,
        "architectures": {"sides": [8], "layers": [2, 2], "units": [32], "n_features": [16]},
    },
    "unroll": {"batch_size": 32, "horizon": [16, 20]},
    "optimizer": {"meta_steps": 40, "learning_rate": 5e-3, "warmup": 3},
    "validation": {"every": 40, "tasks": 8, "horizons": [0.0, 1.0, 5.0]},
}


@pytest.mark.slow
def test_a_small_meta_training_learns(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", tiny_config(**SETTINGS))
    try:
        trainer = Trainer(run)
        untrained = trainer._validator(trainer.rule)
        trainer.train()
    finally:
        run.close()
    scores = trainer._validator(trainer.rule)
    start, end, later = (float(np.mean(scores[age].accuracy)) for age in (0, 20, 100))
    before = float(np.mean(untrained[20].loss)) - float(np.mean(scores[20].loss))
    assert end > start + 0.1  # better than a random network, on held-out classes
    assert before > 0.02  # better than the initial rule, by the meta-objective
    assert later > end - 0.05  # and stable over five times the horizon
    assert read_metrics(run.path)[-1]["validation_accuracy"]["20"] == end

    config = FewShotConfig.model_validate(
        {"dataset": "digits@8", "hidden": (32,), "n_features": 16, "seeds": 6, "inner_steps": 40}
    )
    results = evaluate(trainer.rule, config, baselines=("random",))
    gain = results.final - results.baselines["random"]
    assert np.mean(gain) > 0.1  # on real digits, never seen
    assert jax.devices()[0].platform == "cpu"
