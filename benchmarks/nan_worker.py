"""A run on engine `ray` with a worker that sends NaN, for benchmarks/faults.py."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np

from benchmarks.engines_agree import CONFIG as SMALL
from metaplastic.meta.config import parse_config
from metaplastic.meta.engines import EngineOptions, RayEngine
from metaplastic.meta.engines.backend import Answer, Request
from metaplastic.meta.engines.ray_worker import Worker
from metaplastic.meta.run.metrics import read_metrics
from metaplastic.meta.run.run_dir import RunDir
from metaplastic.meta.run.trainer import Trainer

CONFIG = {**SMALL, "rule": {"name": "hebbian"}}


class FaultyWorker(Worker):
    """A worker whose third gradient, if it is the first worker, is NaN without an error flag."""

    def gradient(self, theta: Any, request: Request) -> Answer:
        answer = super().gradient(theta, request)
        if request[:2] != (0, 2):
            return answer
        nan_gradient = jax.tree.map(lambda a: np.full_like(a, np.nan), answer.gathered.gradient)
        return answer._replace(gathered=dataclasses.replace(answer.gathered, gradient=nan_gradient))


class _WarningRecorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings.append(record.getMessage())


def run(path: Path, updates: int = 30) -> dict[str, Any]:
    """Run, check that θ stays finite, and return counts and warnings."""
    config = {**CONFIG, "engine": "ray", "optimizer": {"meta_steps": updates}}
    run_dir, recorder = RunDir.create(path, parse_config(config)), _WarningRecorder()
    with mock.patch.object(RayEngine, "worker", FaultyWorker):
        logging.getLogger("metaplastic").addHandler(recorder)
        trainer = Trainer(run_dir, options=EngineOptions(workers=2))
        trainer.train()
        trainer.close()
    run_dir.close()
    metrics = read_metrics(path)
    assert sum("not finite" in text for text in recorder.warnings) == 1, recorder.warnings
    assert sum(m["dropped"] for m in metrics) == config["tasks_per_group"]
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(jax.device_get(trainer.rule)))
    return {
        "meta_steps": len(metrics),
        "dropped": sum(m["dropped"] for m in metrics),
        "told": recorder.warnings,
    }
