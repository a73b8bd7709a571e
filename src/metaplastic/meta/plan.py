"""What engines compute from: a run's data, architectures and estimator, apart from θ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from metaplastic.meta.config import MetaTrainConfig
from metaplastic.meta.estimators import Estimator, get_estimator
from metaplastic.meta.group import TaskStream
from metaplastic.objectives import make_objective
from metaplastic.tasks import Architecture, Source, load_sources


@dataclass(frozen=True)
class Plan:
    """A run's work, as every process that takes part in it needs it."""

    config: MetaTrainConfig
    sources: tuple[Source, ...]
    architectures: tuple[Architecture, ...]

    def estimator(self) -> Estimator:
        """The gradient estimator, arranged for this process's devices."""
        config = self.config
        kind = get_estimator(config.estimator.name)
        return kind(
            config.unroll,
            config.tasks.labels_per_class,
            make_objective(config.objective),
            config.optimizer.clip_task,
            tasks_at_once=1 if jax.local_devices()[0].platform == "cpu" else None,
            norm_limit=config.optimizer.norm_limit,
            settings=kind.Settings(**config.estimator.settings),
        )

    def stream(self, group: int, *, seed: int | None = None, incarnation: int = 0) -> TaskStream:
        """The tasks of one group. No two incarnations share a task."""
        return TaskStream(
            self.sources,
            self.config.tasks,
            self.architectures[group],
            self.config.unroll.horizon,
            seed=self.config.seed if seed is None else seed,
            group=group + len(self.architectures) * incarnation,
        )

    def streams(self, *, seed: int | None = None) -> list[TaskStream]:
        """The tasks of every group."""
        return [self.stream(group, seed=seed) for group in range(len(self.architectures))]


def make_plan(
    config: MetaTrainConfig, *, portion: str = "meta-train", data_dir: Path | None = None
) -> Plan:
    """Loads the data. Raises `ConfigError` and `DataError` as `load_sources` does."""
    sources = load_sources(
        config.tasks.sources,
        portion,
        n_classes=config.tasks.n_classes,
        held_out=config.tasks.held_out,
        data_dir=data_dir,
    )
    return Plan(config, sources, draw_architectures(config))


def draw_architectures(config: MetaTrainConfig) -> tuple[Architecture, ...]:
    """One architecture per group, all different where the space allows."""
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, 4]))
    return config.tasks.architectures.draw_distinct(rng, config.groups)
