"""Helpers of engine `ray` as Ray actors, each with its own workers (extra `ray`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metaplastic import plugins
from metaplastic.meta.engines.backend import Answer, Request
from metaplastic.meta.engines.engine import EngineOptions
from metaplastic.meta.engines.helper import Helper, Share
from metaplastic.meta.engines.processes import Process, this_process
from metaplastic.meta.engines.ray_backend import (
    Equipment,
    RayActors,
    RayWorkers,
    connect,
    cores_to_pin_to,
    equipment,
)
from metaplastic.meta.engines.ray_worker import Worker

if TYPE_CHECKING:
    from metaplastic.meta.plan import Plan


class RayHelper:
    """An actor that owns its workers: if it is lost, Ray ends them."""

    def __init__(
        self,
        equipment: Equipment,
        worker: type[Worker],
        cores: Sequence[int] | None,
        incarnation: int,
        n_groups: int,
        settings: dict[str, Any],
    ) -> None:
        """`settings` are keyword arguments of `Helper`."""
        import ray

        plugins.request(equipment.imports)  # θ may belong to a user-defined rule
        self._workers = RayWorkers(ray, equipment, worker, cores)
        self._helper = Helper(self._workers, n_groups, incarnation, **settings)

    def process(self) -> Process:
        """Return the actor's process, so that it can be killed."""
        return this_process()

    def gradient(self, theta: Any, request: Request, share: Share) -> Answer:
        """Return the mean of the next gradients of its workers."""
        self._workers.most = share.workers
        return self._helper.gradient(theta, request, share)


class HelperBackend(RayActors):
    """Helpers with up to `fan_in` workers each, asked by the trainer. A helper reserves no CPU of
    the cluster, as it is busy for only a hundredth of the time."""

    def __init__(
        self, plan: Plan, options: EngineOptions, worker: type[Worker], wanted: int
    ) -> None:
        """Each update uses `wanted` gradients.

        Raises `MissingExtraError` if Ray is not installed, `RunError` if the cluster cannot be
        reached.
        """
        ray = connect(options)
        actor = ray.remote(
            num_cpus=0, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )(RayHelper)
        super().__init__(ray, actor, cores_to_pin_to(options))
        assert options.fan_in is not None
        self._fan_in, self._wanted, self._worker = options.fan_in, wanted, worker
        self._most = math.inf if options.workers is None else options.workers
        self._equipment = equipment(ray, plan)
        self._groups = plan.config.groups
        self._settings = {
            "max_staleness": plan.config.asynchronous.max_staleness,
            "in_flight": options.in_flight,
            "worker_timeout": options.worker_timeout,
        }
        self._room = 0

    def workers(self) -> int:
        """Return how many workers there is room for."""
        return int(min(self._most, self._ray.cluster_resources().get("CPU", 0)))

    def capacity(self) -> int:
        self._room = self.workers()
        return math.ceil(self._room / self._fan_in)

    def begin(self, incarnation: int) -> Any:
        cores = self._free_cores(self._fan_in)
        handle = self._actor.remote(
            self._equipment, self._worker, cores, incarnation, self._groups, self._settings
        )
        return self._register(handle, cores)

    def ask(self, handle: Any, theta: Any, request: Request) -> Any:
        share = share_of(list(self._held).index(handle), len(self._held), self._room, self._wanted)
        return handle.gradient.remote(theta, request, share)

    def close(self) -> None:
        """Leave the cluster, or end it if it was started here."""
        self._ray.shutdown()


def share_of(index: int, helpers: int, workers: int, gradients: int) -> Share:
    """Return the share of helper `index` in all workers and in the gradients of an update."""
    own_workers = workers // helpers + (index < workers % helpers)
    return Share(own_workers, max(1, gradients // helpers))
