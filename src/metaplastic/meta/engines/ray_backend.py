"""Workers of engine `ray` as Ray actors, for the trainer or for a helper (extra `ray`)."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from metaplastic import plugins
from metaplastic.errors import MissingExtraError, RunError
from metaplastic.meta.engines import processes
from metaplastic.meta.engines.backend import Answer, Request, WorkerLost
from metaplastic.meta.engines.engine import EngineOptions
from metaplastic.meta.engines.ray_worker import Worker
from metaplastic.threads import usable_cores

if TYPE_CHECKING:
    from metaplastic.meta.plan import Plan

ATTEMPTS = 3  # most attempts to start Ray on this machine
_JAX_SETTINGS = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


class Equipment(NamedTuple):
    """What every worker receives: the plan, as a reference inside a list, which Ray leaves for the
    worker to resolve; and the trainer's JAX settings and user modules."""

    plan: list[Any]
    settings: dict[str, Any]
    imports: Sequence[str]


class RayActors:
    """What the backends of workers and of helpers share: starting, asking and ending actors."""

    def __init__(self, ray: Any, actor: Any, cores: Sequence[int] | None) -> None:
        """`cores` are the cores to pin to; None if actors may run on other machines."""
        self._ray, self._actor, self._cores = ray, actor, cores
        self._held: dict[Any, Sequence[int]] = {}  # the cores of live actors
        self._process: dict[
            Any, Any
        ] = {}  # reference to the process of each, available once it runs

    def _free_cores(self, most: int) -> Sequence[int] | None:
        """Return at most `most` cores that no live actor has; None if actors are not pinned."""
        if self._cores is None:
            return None
        taken = {core for cores in self._held.values() for core in cores}
        return [core for core in self._cores if core not in taken][:most]

    def _register(self, handle: Any, cores: Sequence[int] | None) -> Any:
        self._held[handle] = cores or ()
        self._process[handle] = handle.process.remote()
        return handle

    def end(self, handle: Any, *, lost: bool = False) -> None:
        self._held.pop(handle, None)
        process = self._process.pop(handle, None)
        with contextlib.suppress(Exception):  # it may be lost with its machine
            self._ray.kill(handle, no_restart=True)
        if lost and process is not None:
            with contextlib.suppress(Exception):  # it never ran, or is lost
                processes.kill_anywhere(self._ray, self._ray.get(process, timeout=0))

    def broadcast(self, theta: Any) -> Any:
        return self._ray.put(theta)

    def wait(self, tickets: Sequence[Any], seconds: float) -> Sequence[Any]:
        if not tickets:
            time.sleep(seconds)
            return []
        tickets = list(tickets)
        ready, _ = self._ray.wait(tickets, num_returns=1, timeout=seconds)
        if ready and len(tickets) > 1:
            ready, _ = self._ray.wait(tickets, num_returns=len(tickets), timeout=0)
        return ready

    def answer(self, ticket: Any) -> Answer:
        errors = self._ray.exceptions
        try:
            return self._ray.get(ticket)
        except errors.RayTaskError as error:
            raise WorkerLost(" ".join(f"it failed: {error.cause}".split())[:200]) from None
        except errors.RayError as error:
            raise WorkerLost(type(error).__name__) from None


class RayWorkers(RayActors):
    """Workers, one per CPU."""

    def __init__(
        self,
        ray: Any,
        equipment: Equipment,
        worker: type[Worker],
        cores: Sequence[int] | None,
    ) -> None:
        actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(worker)
        super().__init__(ray, actor, cores)
        self._equipment = equipment
        self.most: float = float("inf")

    def capacity(self) -> int:
        free = self._ray.available_resources().get("CPU", 0)
        return int(min(self.most, len(self._held) + free))

    def begin(self, incarnation: int) -> Any:
        cores = self._free_cores(1)
        plan, settings, imports = self._equipment
        core = cores[0] if cores else None
        handle = self._actor.remote(plan, incarnation, core, settings, imports)
        return self._register(handle, cores)

    def ask(self, handle: Any, theta: Any, request: Request) -> Any:
        return handle.gradient.remote(theta, request)

    def close(self) -> None:
        """Do nothing: the owner leaves the cluster."""


class RayBackend(RayWorkers):
    """All workers of a cluster, asked directly by the trainer."""

    def __init__(self, plan: Plan, options: EngineOptions, worker: type[Worker]) -> None:
        """Join the cluster at `options.address`, or start one on loopback.

        Raises `MissingExtraError` if Ray is not installed, `RunError` if the cluster cannot be
        reached.
        """
        ray = connect(options)
        super().__init__(ray, equipment(ray, plan), worker, cores_to_pin_to(options))

    def capacity(self) -> int:
        self.most = self._ray.cluster_resources().get("CPU", 0)
        return super().capacity()

    def close(self) -> None:
        """Leave the cluster, or end it if it was started here."""
        self._ray.shutdown()


def equipment(ray: Any, plan: Plan) -> Equipment:
    """Return what the workers of this process receive."""
    settings = {name: getattr(jax.config, name) for name in _JAX_SETTINGS}
    return Equipment([ray.put(plan)], settings, plugins.requested())


def cores_to_pin_to(options: EngineOptions) -> list[int] | None:
    """Return this process's cores; None if unknown, or if workers may run on other machines."""
    if options.address is not None or not hasattr(os, "sched_getaffinity"):
        return None
    return sorted(os.sched_getaffinity(0))


def connect(options: EngineOptions) -> Any:
    """Connect Ray and return it. A cluster started here listens on loopback only."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if options.address is None:
        # Ray's switch for "one machine, loopback only"; without it, Ray uses the machine's external
        # address, whatever address it is given
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # by default, Ray's workers yield to everything else on the machine (niceness 15)
        os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise MissingExtraError("ray", "ray", "engine ray") from None
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    settings: dict[str, Any] = {"address": options.address}
    if options.address is None:
        cores = options.workers or usable_cores()
        settings = {"address": "local", "num_cpus": cores, "include_dashboard": False}
    try:
        for attempt in range(ATTEMPTS):
            try:
                with warnings.catch_warnings():
                    # safe, as Ray's forked processes immediately run another program
                    warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
                    ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **settings)
                break
            except Exception as error:  # on a busy machine, Ray may exceed its 30 s timeout
                ray.shutdown()
                if options.address is None and attempt + 1 < ATTEMPTS:
                    continue
                reason = " ".join(str(error).split())[:200]
                address = options.address or "this machine"
                raise RunError(f"cannot use a Ray cluster at {address}: {reason}") from None
    finally:
        for number, handler in handlers.items():  # ray.init replaces that of SIGTERM
            with contextlib.suppress(ValueError):  # not in the main thread
                signal.signal(number, handler)
    return ray
