"""Presets: named tables of settings, overridden by a file and by the command line."""

from __future__ import annotations

from typing import Any

_TASKS_OF_THE_PAPERS = {
    "sources": ["glyphs", "cifar10@32", "imagenet@32"],
    "architectures": {
        "sides": [14, 16],
        "layers": [2, 5],
        "units": [64, 128, 256, 512],
        "redraw": 100,
    },
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "rule": {"settings": {"hidden": 8, "error_channels": 2, "readout_channels": 2}},
        "estimator": "full",
        "groups": 1,
        "tasks_per_group": 2,
        "tasks": {"architectures": {"layers": [2, 2], "units": [64]}},
        "unroll": {"batch_size": 32, "horizon": [15, 25]},
        "optimizer": {"meta_steps": 60},
        "validation": {"every": 20, "tasks": 2},
    },
    # as `python -m benchmarks.time_to_quality` found: differentiating only the end of the inner
    # loop takes less than half of the time, and with less noise, so steps of θ can be larger.
    # Glyphs alone would make a rule of sharp strokes, worse on smooth images than it began.
    "quick": {
        "estimator": "late",
        "groups": 2,
        "tasks_per_group": 2,
        "tasks": {
            "sources": ["glyphs", "shapes"],
            "architectures": {"layers": [2, 3], "units": [64, 128]},
        },
        "unroll": {"horizon": [40, 60], "truncation": [16, 16]},
        "optimizer": {"meta_steps": 150, "learning_rate": 1.2e-2},
    },
    # the workshop paper as its text describes it, as far as settings go; for a cluster. A neuron
    # sees its activity, pre-activation and error signal, statistics of the minibatch, and the
    # lateral terms; ΔW is the low-rank product plus decorrelation. The text leaves open the sizes
    # of the update network, of minibatches and of unrolls, and the inner step.
    "seed": {
        "rule": {
            "settings": {
                "hidden": 32,
                "without": ["weights", "bias", "position", "age", "decay"],
                "inner_step": 0.02,
                "decay_power": 0.0,
            }
        },
        "objective": {"name": "ridge", "settings": {"penalty": 0.1, "distance": "cosine"}},
        "estimator": "truncated",
        "groups": 16,
        "tasks_per_group": 16,
        "tasks": _TASKS_OF_THE_PAPERS,
        "unroll": {
            "batch_size": 128,
            "truncation": [4, 16],
            "horizon": [200, 1000],
            "late_weight": 0.0,
        },
        "optimizer": {
            "meta_steps": 150_000,
            "learning_rate": 3e-4,
            "final_fraction": 1.0,
            "average": 0.0,
        },
        "validation": {"every": 500, "tasks": 8},
    },
    # the long paper, as far as its text goes: separate backward weights, and the sizes that its
    # authors released; for a cluster
    "paper": {
        "rule": {
            "settings": {
                "hidden": 64,
                "error_channels": 32,
                "readout_channels": 4,
                "backward": "separate",
                "inner_step": 0.02,
                "decay_power": 0.0,
            }
        },
        "estimator": "truncated",
        "groups": 8,
        "tasks_per_group": 32,
        "tasks": _TASKS_OF_THE_PAPERS,
        "unroll": {
            "batch_size": 128,
            "truncation": [4, 16],
            "horizon": [200, 2000],
            "late_weight": 0.0,
        },
        "optimizer": {"meta_steps": 200_000, "learning_rate": 3e-4, "final_fraction": 1.0},
        "validation": {"every": 500, "tasks": 8},
    },
}
