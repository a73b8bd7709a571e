"""A run on engine `ray` one worker of which sends NaN, for benchmarks/faults.py."""

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


class SpoiltWorker(Worker):
    """The third gradient of the first worker is NaN, though it says that all is well."""

    def gradient(self, theta: Any, request: Request) -> Answer:
        answer = super().gradient(theta, request)
        if request[:2] != (0, 2):
            return answer
        spoilt = jax.tree.map(lambda a: np.full_like(a, np.nan), answer.gathered.gradient)
        return answer._replace(gathered=dataclasses.replace(answer.gathered, gradient=spoilt))


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings.append(record.getMessage())


def run(path: Path, updates: int = 30) -> dict[str, Any]:
    """What was told, and whether θ and all losses stayed finite."""
    table = {**CONFIG, "engine": "ray", "optimizer": {"meta_steps": updates}}
    directory, heard = RunDir.create(path, parse_config(table)), _Heard()
    with mock.patch.object(RayEngine, "worker", SpoiltWorker):
        logging.getLogger("metaplastic").addHandler(heard)
        trainer = Trainer(directory, options=EngineOptions(workers=2))
        trainer.train()
        trainer.close()
    directory.close()
    metrics = read_metrics(path)
    assert sum("not finite" in text for text in heard.warnings) == 1, heard.warnings
    assert sum(m["dropped"] for m in metrics) == table["tasks_per_group"]
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(jax.device_get(trainer.rule)))
    return {
        "meta_steps": len(metrics),
        "dropped": sum(m["dropped"] for m in metrics),
        "told": heard.warnings,
    }
