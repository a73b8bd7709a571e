"""Two meta-steps of preset `seed` at tiny sizes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from metaplastic.hub import load_card
from metaplastic.meta import meta_train
from metaplastic.meta.config_tables import make_config
from metaplastic.meta.run.metrics import read_metrics

TINY = {
    "rule": {"settings": {"hidden": 4, "error_channels": 2, "readout_channels": 2}},
    "groups": 1,
    "tasks_per_group": 2,
    "tasks": {
        "sources": ["shapes"],
        "n_classes": 3,
        "labels_per_class": 2,
        "examples_per_class": 6,
        "architectures": {"sides": [8], "layers": [2, 2], "units": [8], "n_features": [4]},
    },
    "unroll": {"batch_size": 8, "truncation": [1, 1], "horizon": [2, 2]},
    "optimizer": {"meta_steps": 2},
    "validation": {"tasks": 2, "every": 2},
}


@pytest.mark.slow
def test_two_meta_steps_of_preset_seed(tmp_path: Path) -> None:
    config = make_config("seed", None, [TINY])
    assert meta_train(config, tmp_path / "run")
    losses = [line["loss"] for line in read_metrics(tmp_path / "run")]
    assert len(losses) == 2
    assert all(math.isfinite(loss) and 0 < loss < 2 for loss in losses)
    assert load_card(tmp_path / "run" / "rule.safetensors").meta_steps == 2
