"""Engine `ray`: elastic workers that send gradients when these are ready (extra `ray`)."""

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

LISTED = 64  # most gradients of an update that its line of metrics lists one by one


class RayEngine(Engine):
    """The long paper's scheme: an update of θ uses the first gradients that arrive, from whichever
    workers; no worker waits for another.

    Gradients are for a θ some updates old; those older than `asynchronous.max_staleness` updates
    are dropped and counted. Results are not reproducible bit for bit, since the speed of the
    workers determines which gradients are averaged in an update. Tasks are not saved: a resumed run
    starts new ones.
    """

    synchronous: ClassVar[bool] = False
    worker: ClassVar[type[Worker]] = Worker

    def __init__(self, backend: Backend, collector: Collector, wanted: int) -> None:
        """Each update uses `wanted` gradients."""
        self._backend = backend
        self._collector = collector
        self._wanted = wanted
        self._warned = False
        self._workers_of: dict[int, int] = {}  # workers of each helper, by incarnation

    @classmethod
    def make(cls, plan: Plan, options: EngineOptions) -> RayEngine:
        config = plan.config
        for name, value in (
            ("workers", options.workers),
            ("in-flight", options.in_flight),
            ("fan-in", options.fan_in),
        ):
            if value is not None and value < 1:
                raise ConfigError(f"--{name} {value}: must be at least 1")
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
        LOG.info("Ray: room for %s, %d gradients per step", room, wanted)
        return cls(backend, collector, wanted)

    def start(self, rule: Rule, meta_step: int = 0) -> None:
        """Do nothing: workers start their tasks at the first request for a gradient."""

    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        theta, _ = eqx.partition(rule, eqx.is_array)
        collected = self._collector.collect(jax.device_get(theta), meta_step, self._wanted)
        counts = self._counts(collected)
        if counts["stale"] > self._wanted and not self._warned:
            self._warned = True
            LOG.warning(
                "%d gradients were too old for this update: raise --gradients-per-step or "
                "asynchronous.max_staleness, or use fewer workers",
                counts["stale"],
            )
        gathered = combined(collected, counts)
        if gathered.gradient is None:
            return gathered
        return dataclasses.replace(gathered, gradient=jax.tree.map(jnp.asarray, gathered.gradient))

    def _counts(self, collected: Collected) -> dict[str, Any]:
        """Return the metrics of an update's workers, and log the warnings of helpers."""
        counts: dict[str, Any] = {
            "workers": collected.workers,
            "staleness": float(np.mean(collected.staleness)),
            "stale": collected.stale,
            "lost_workers": collected.lost,
        }
        answers = [*collected.answers, *collected.late]
        reports = [(a.request.incarnation, a.report) for a in answers if a.report is not None]
        if reports or self._workers_of:
            counts |= self._counts_of_helpers(collected, reports)
        names = [list(part[:2]) for answer in collected.answers for part in answer.requests]
        if len(names) <= LISTED:
            # incarnation and sequence number: every pair is unique
            counts["gradients"] = names
        return counts

    def _counts_of_helpers(
        self, collected: Collected, reports: list[tuple[int, Report]]
    ) -> dict[str, Any]:
        for incarnation, report in reports:
            self._workers_of[incarnation] = report.workers
            for line in report.warnings:
                LOG.warning("helper %d: %s", incarnation, line)
        alive = self._collector.incarnations
        self._workers_of = {i: n for i, n in self._workers_of.items() if i in alive}
        return {
            "workers": sum(self._workers_of.values()),
            "stale": collected.stale + sum(report.stale for _, report in reports),
            "lost_workers": sum(report.lost for _, report in reports),
            "helpers": collected.workers,
            "lost_helpers": collected.lost,
        }

    def state(self) -> dict[str, Any]:
        return {"next_incarnation": np.array(self._collector.next_incarnation, np.int32)}

    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        self._collector.next_incarnation = int(state["next_incarnation"])

    def close(self) -> None:
        self._collector.close()
        self._backend.close()


def collector_of_helpers(backend: Backend, **settings: Any) -> Collector:
    """Make the trainer's `Collector` for helpers, which handle groups and non-finite gradients."""
    return Collector(
        backend,
        1,
        is_finite=lambda gathered: True,
        lost_in_a_row=LOST_HELPERS_IN_A_ROW,
        names_each=NAMES,
        noun="helper",
        **settings,
    )
