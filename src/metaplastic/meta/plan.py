"""Plans: what engines need besides θ, that is a run's data, architectures and estimator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np

from metaplastic.errors import ConfigError
from metaplastic.meta.config import MetaTrainConfig
from metaplastic.meta.estimators import ESTIMATORS, Estimator
from metaplastic.meta.group import TaskStream
from metaplastic.tasks import Architecture, Source, TaskConfig, ends, fitting, load_sources

ATTEMPTS = 100  # most attempts to draw groups that all have a source


@dataclass(frozen=True)
class Plan:
    """What every process of a run needs to know about it.

    Each group has its own architecture, and its own numbers of classes and labels in `tasks`.
    `draw` counts how often the groups have been redrawn.
    """

    config: MetaTrainConfig
    sources: tuple[Source, ...]
    architectures: tuple[Architecture, ...]
    tasks: tuple[TaskConfig, ...]
    draw: int = 0

    def at(self, meta_step: int) -> Plan:
        """Return the plan after that many meta-steps, with groups redrawn as configured.

        Groups depend only on the seed and the number of the draw. Raises `ConfigError` if none of
        `ATTEMPTS` attempts gives groups that all have a source.
        """
        every = self.config.tasks.architectures.redraw
        draw = meta_step // every if every else 0
        if draw == self.draw:
            return self
        for attempt in range(ATTEMPTS if draw else 1):
            entropy = (draw, attempt) if draw else ()
            plan = replace(
                self,
                architectures=draw_architectures(self.config, *entropy),
                tasks=draw_tasks(self.config, *entropy),
                draw=draw,
            )
            if all(plan.sources_of(group) for group in range(len(plan.tasks))):
                return plan
        raise ConfigError(
            f"no source fits the groups redrawn at meta-step {meta_step}; add sources to "
            "tasks.sources, or change tasks.architectures, n_classes or labelled_apart"
        )

    def estimator(self) -> Estimator:
        """Make the gradient estimator for this process's devices. Each group sets its own number of
        labels in it."""
        config = self.config
        kind = ESTIMATORS.get(config.estimator.name)
        return kind(
            config.unroll,
            ends(config.tasks.labels_per_class)[1],
            config.objective.make(),
            config.optimizer.clip_task,
            tasks_at_once=1 if jax.local_devices()[0].platform == "cpu" else None,
            norm_limit=config.optimizer.norm_limit,
            settings=kind.Settings(**config.estimator.settings),
        )

    def sources_of(self, group: int) -> tuple[Source, ...]:
        """Return the sources that can provide a group's tasks."""
        tasks = self.tasks[group]
        return fitting(
            self.sources, self.architectures[group], tasks.n_classes, tasks.distinct_per_class
        )

    def unused(self) -> list[Source]:
        """Return the sources that fit none of the groups."""
        used = {id(s) for group in range(len(self.tasks)) for s in self.sources_of(group)}
        return [source for source in self.sources if id(source) not in used]

    def stream(self, group: int, *, seed: int | None = None, incarnation: int = 0) -> TaskStream:
        """Return the tasks of one group. No two incarnations and no two draws share a task."""
        seed = self.config.seed if seed is None else seed
        if self.draw:
            entropy = np.random.SeedSequence([seed, 6, self.draw])
            seed = int(entropy.generate_state(1)[0])
        return TaskStream(
            self.sources_of(group),
            self.tasks[group],
            self.architectures[group],
            self.config.unroll.horizon,
            seed=seed,
            group=group + len(self.architectures) * incarnation,
        )

    def streams(self, *, seed: int | None = None) -> list[TaskStream]:
        """Return the tasks of every group."""
        return [self.stream(group, seed=seed) for group in range(len(self.architectures))]


def make_plan(
    config: MetaTrainConfig, *, portion: str = "meta-train", data_dir: Path | None = None
) -> Plan:
    """Load the data and make a plan. Raises `ConfigError` and `DataError` like `load_sources`, and
    `ConfigError` like `arrange`."""
    sources = load_sources(
        config.tasks.sources,
        portion,
        n_classes=ends(config.tasks.n_classes)[0],
        held_out=config.tasks.held_out,
        data_dir=data_dir,
    )
    return arrange(config, sources, portion)


def arrange(config: MetaTrainConfig, sources: Iterable[Source], portion: str) -> Plan:
    """Make a plan from loaded sources. Raises `ConfigError` if a group has no source, or if a
    source to meta-train on fits no group."""
    plan = Plan(config, tuple(sources), draw_architectures(config), draw_tasks(config))
    for group, (architecture, tasks) in enumerate(zip(plan.architectures, plan.tasks, strict=True)):
        if not plan.sources_of(group):
            raise ConfigError(
                f"no source fits group {group + 1}, {architecture} with {tasks.n_classes} classes, "
                f"in its {portion} portion; add one that does to tasks.sources, change "
                "tasks.architectures or n_classes, or set labelled_apart: a class of rows needs "
                f"{tasks.distinct_per_class} of them, which is labelled_apart if it is set, else "
                "examples_per_class"
            )
    if portion == "meta-train" and (unused := plan.unused()):
        names = ", ".join(dict.fromkeys(source.address for source in unused))
        raise ConfigError(
            f"{names}: fits none of the groups ({', '.join(map(str, plan.architectures))}): images "
            "need groups of images; tables need groups of rows (tasks.architectures.vector_groups "
            "and columns) and at least a quarter of the group's columns; either needs as many "
            "classes as the group, each with labelled_apart rows (examples_per_class if it is 0); "
            "change these settings, or leave the source out"
        )
    return plan


def draw_architectures(config: MetaTrainConfig, *entropy: int) -> tuple[Architecture, ...]:
    """Draw one architecture per group, all different if the space allows. `entropy` identifies a
    later draw."""
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, 4, *entropy]))
    return config.tasks.architectures.draw_distinct(rng, config.groups)


def draw_tasks(config: MetaTrainConfig, *entropy: int) -> tuple[TaskConfig, ...]:
    """Draw the numbers of classes and labels of each group. `entropy` identifies a later draw."""
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, 5, *entropy]))
    return tuple(config.tasks.draw(rng) for _ in range(config.groups))
