"""Engine `ray`: many elastic workers that send gradients when they are ready (extra `ray`)."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from metaplastic.errors import ConfigError
from metaplastic.meta.engines.asynchronous import Collected, Collector
from metaplastic.meta.engines.averaging import combined, is_finite
from metaplastic.meta.engines.backend import Backend, Report
from metaplastic.meta.engines.engine import Engine, EngineOptions, Gathered
from metaplastic.meta.engines.helper import LOST_HELPERS_IN_A_ROW, NAMES
from metaplastic.meta.engines.ray_backend import RayBackend
from metaplastic.meta.engines.ray_helper import HelperBackend
from metaplastic.meta.engines.ray_worker import Worker
from metaplastic.rules import Rule

if TYPE_CHECKING:
    from metaplastic.meta.plan import Plan

LOG = logging.getLogger(__name__)

LISTED = 64  # gradients of an update that its line of metrics names one by one


class RayEngine(Engine):
    """The long paper's scheme: an update of θ is made of the first gradients that come, whoever
    sends them; a worker never waits for another.

    Gradients are of a θ some updates old; those older than `asynchronous.max_staleness` updates
    are dropped and counted. Not reproducible to the bit: which gradients meet in an update depends
    on how fast workers are. Tasks are not saved: a resumed run begins new ones.
    """

    synchronous: ClassVar[bool] = False
    worker: ClassVar[type[Worker]] = Worker

    def __init__(self, backend: Backend, collector: Collector, wanted: int) -> None:
        """`wanted` gradients make an update."""
        self._backend = backend
        self._collector = collector
        self._wanted = wanted
        self._complained = False
        self._workers_of: dict[int, int] = {}  # of each helper

    @classmethod
    def make(cls, plan: Plan, options: EngineOptions) -> RayEngine:
        config = plan.config
        for name, value in (
            ("workers", options.workers),
            ("in-flight", options.in_flight),
            ("fan-in", options.fan_in),
        ):
            if value is not None and value < 1:
                raise ConfigError(f"--{name} {value}: at least 1")
        wanted = config.asynchronous.gradients_per_step or config.groups
        common: dict[str, Any] = {
            "max_staleness": config.asynchronous.max_staleness,
            "worker_timeout": options.worker_timeout,
            "warn": LOG.warning,
        }
        if options.fan_in is None:
            backend = RayBackend(plan, options, cls.worker)
            collector = Collector(
                backend,
                config.groups,
                is_finite=is_finite,
                most_workers=options.workers,
                in_flight=options.in_flight,
                **common,
            )
            room = f"{backend.capacity()} workers"
        else:
            backend = HelperBackend(plan, options, cls.worker, wanted)
            collector = collector_of_helpers(backend, **common)
            room = f"{backend.workers()} workers of {backend.capacity()} helpers"
        LOG.info("Ray: room for %s, %d gradients a step", room, wanted)
        return cls(backend, collector, wanted)

    def start(self, rule: Rule, meta_step: int = 0) -> None:
        """Workers begin their tasks when they are first asked for a gradient."""

    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        theta, _ = eqx.partition(rule, eqx.is_array)
        found = self._collector.collect(jax.device_get(theta), meta_step, self._wanted)
        more = self._counts(found)
        if more["stale"] > self._wanted and not self._complained:
            self._complained = True
            LOG.warning(
                "%d gradients of this update were too old: raise --gradients-per-step or "
                "asynchronous.max_staleness, or use fewer workers",
                more["stale"],
            )
        gathered = combined(found, more)
        if gathered.gradient is None:
            return gathered
        return dataclasses.replace(gathered, gradient=jax.tree.map(jnp.asarray, gathered.gradient))

    def _counts(self, found: Collected) -> dict[str, Any]:
        """What the metrics of an update say of its workers; helpers' warnings are logged."""
        more: dict[str, Any] = {
            "workers": found.workers,
            "staleness": float(np.mean(found.staleness)),
            "stale": found.stale,
            "lost_workers": found.lost,
        }
        came = [*found.answers, *found.late]
        reports = [(a.request.incarnation, a.report) for a in came if a.report is not None]
        if reports or self._workers_of:
            more |= self._counts_of_helpers(found, reports)
        names = [list(part[:2]) for answer in found.answers for part in answer.requests]
        if len(names) <= LISTED:
            # incarnation and sequence number: no pair ever comes twice
            more["gradients"] = names
        return more

    def _counts_of_helpers(
        self, found: Collected, reports: list[tuple[int, Report]]
    ) -> dict[str, Any]:
        for incarnation, report in reports:
            self._workers_of[incarnation] = report.workers
            for line in report.warnings:
                LOG.warning("of helper %d: %s", incarnation, line)
        alive = self._collector.incarnations
        self._workers_of = {i: n for i, n in self._workers_of.items() if i in alive}
        return {
            "workers": sum(self._workers_of.values()),
            "stale": found.stale + sum(report.stale for _, report in reports),
            "lost_workers": sum(report.lost for _, report in reports),
            "helpers": found.workers,
            "lost_helpers": found.lost,
        }

    def state(self) -> dict[str, Any]:
        return {"next_incarnation": np.array(self._collector.next_incarnation, np.int32)}

    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        self._collector.next_incarnation = int(state["next_incarnation"])

    def close(self) -> None:
        self._collector.close()
        self._backend.close()


def collector_of_helpers(backend: Backend, **settings: Any) -> Collector:
    """The trainer's `Collector` where helpers average: they see to groups, and to what is not
    finite."""
    return Collector(
        backend,
        1,
        is_finite=lambda gathered: True,
        lost_in_a_row=LOST_HELPERS_IN_A_ROW,
        names_each=NAMES,
        noun="helper",
        **settings,
    )
