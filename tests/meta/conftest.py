"""The configuration of a tiny run; all tests of meta-training share its shapes."""

from __future__ import annotations

from typing import Any

import pytest

from metaplastic.meta.config import MetaTrainConfig, parse_config
from metaplastic.meta.config_tables import merge

TINY: dict[str, Any] = {
    "seed": 3,
    "rule": {"settings": {"hidden": 4, "error_channels": 2, "readout_channels": 2}},
    "groups": 1,
    "tasks_per_group": 2,
    "tasks": {
        "n_classes": 5,
        "examples_per_class": 8,
        "labels_per_class": 4,
        "architectures": {"sides": [8], "layers": [2, 2], "units": [12], "n_features": [8]},
    },
    "unroll": {"batch_size": 16, "truncation": [2, 4], "horizon": [6, 10]},
    "optimizer": {"meta_steps": 12, "learning_rate": 3e-3},
    "validation": {"every": 6, "tasks": 2},
}


def tiny_config(**over: Any) -> MetaTrainConfig:
    """Return the tiny configuration with these overrides."""
    return parse_config(merge(TINY, over))


def hebbian_config(**over: Any) -> MetaTrainConfig:
    """Like `tiny_config`, with the hand-designed rule, which compiles in seconds: for behaviour
    that is the same for every rule."""
    return parse_config(merge({**TINY, "rule": {"name": "hebbian"}}, over))


@pytest.fixture
def config() -> MetaTrainConfig:
    """The tiny configuration with the hand-designed rule."""
    return hebbian_config()
