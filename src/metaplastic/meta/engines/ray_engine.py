"""Engine `ray`: many elastic workers that send gradients when they are ready (extra `ray`)."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from metaplastic import plugins
from metaplastic.errors import ConfigError, MissingExtraError, RunError
from metaplastic.meta.engines.asynchronous import (
    Answer,
    Backend,
    Collector,
    Request,
    WorkerLost,
)
from metaplastic.meta.engines.engine import Engine, EngineOptions, Gathered
from metaplastic.meta.engines.ray_worker import Worker
from metaplastic.rules import Rule

if TYPE_CHECKING:
    from metaplastic.meta.plan import Plan

LOG = logging.getLogger(__name__)

ATTEMPTS = 3  # at starting Ray here
LISTED = 64  # gradients of an update that its line of metrics names one by one
_JAX_SETTINGS = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


class RayBackend:
    """Workers as Ray actors."""

    def __init__(self, plan: Plan, options: EngineOptions, worker: type[Worker]) -> None:
        """Joins the cluster at `options.address`, or starts one on loopback.

        Raises `MissingExtraError` without Ray, `RunError` where the cluster cannot be reached.
        """
        self._ray = ray = _connect(options)
        self._cores: list[int] | None = None
        if options.address is None and hasattr(os, "sched_getaffinity"):
            self._cores = sorted(os.sched_getaffinity(0))
        self._held: dict[Any, int] = {}  # the cores of living workers
        self._plan = ray.put(plan)
        self._settings = {name: getattr(jax.config, name) for name in _JAX_SETTINGS}
        self._actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(worker)

    def capacity(self) -> int:
        total = self._ray.cluster_resources().get("CPU", 0)
        free = self._ray.available_resources().get("CPU", 0)
        return int(min(total, len(self._held) + free))

    def begin(self, incarnation: int) -> Any:
        core = None
        if self._cores is not None:
            free = [c for c in self._cores if c not in self._held.values()]
            core = free[0] if free else None
        # the plan by a reference inside of a list, which Ray leaves for the worker to follow
        handle = self._actor.remote(
            [self._plan], incarnation, core, self._settings, plugins.asked_for()
        )
        self._held[handle] = -1 if core is None else core
        return handle

    def end(self, handle: Any) -> None:
        self._held.pop(handle, None)
        with contextlib.suppress(Exception):  # it may be gone with its machine
            self._ray.kill(handle, no_restart=True)

    def broadcast(self, theta: Any) -> Any:
        return self._ray.put(theta)

    def ask(self, handle: Any, theta: Any, request: Request) -> Any:
        return handle.gradient.remote(theta, request)

    def wait(self, tickets: Sequence[Any], seconds: float) -> Sequence[Any]:
        if not tickets:
            import time

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

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()


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

    @classmethod
    def make(cls, plan: Plan, options: EngineOptions) -> RayEngine:
        config = plan.config
        for name, value in (("workers", options.workers), ("in-flight", options.in_flight)):
            if value is not None and value < 1:
                raise ConfigError(f"--{name} {value}: at least 1")
        backend = RayBackend(plan, options, cls.worker)
        collector = Collector(
            backend,
            config.groups,
            max_staleness=config.asynchronous.max_staleness,
            is_finite=_is_finite,
            most_workers=options.workers,
            in_flight=options.in_flight,
            worker_timeout=options.worker_timeout,
            warn=LOG.warning,
        )
        wanted = config.asynchronous.gradients_per_step or config.groups
        LOG.info("Ray: room for %d workers, %d gradients a step", backend.capacity(), wanted)
        return cls(backend, collector, wanted)

    def start(self, rule: Rule, meta_step: int = 0) -> None:
        """Workers begin their tasks when they are first asked for a gradient."""

    def gather(self, rule: Rule, meta_step: int) -> Gathered:
        theta, _ = eqx.partition(rule, eqx.is_array)
        found = self._collector.collect(jax.device_get(theta), meta_step, self._wanted)
        if found.stale > self._wanted and not self._complained:
            self._complained = True
            LOG.warning(
                "%d gradients of this update were too old: raise --gradients-per-step or "
                "asynchronous.max_staleness, or use fewer workers",
                found.stale,
            )
        parts = [answer.gathered for answer in found.answers]
        finite = [g for g in parts if _is_finite(g)]
        more: dict[str, Any] = {
            "workers": found.workers,
            "staleness": float(np.mean(found.staleness)),
            "stale": found.stale,
            "lost_workers": found.lost,
        }
        if len(parts) <= LISTED:
            # incarnation and sequence number: no pair ever comes twice
            more["gradients"] = [list(a.request[:2]) for a in found.answers]
        return Gathered(
            gradient=_mean([g.gradient for g in finite]) if finite else None,
            loss=float(np.mean([g.loss for g in finite])) if finite else float("nan"),
            gradient_norm=(
                float(np.mean([g.gradient_norm for g in finite])) if finite else float("nan")
            ),
            truncations=sum(g.truncations for g in parts),
            inner_steps=sum(g.inner_steps for g in parts),
            dropped=sum(g.dropped if _is_finite(g) else g.truncations for g in parts),
            begun=sum(g.begun for g in parts),
            compile_seconds=max(g.compile_seconds for g in parts),
            more=more,
        )

    def state(self) -> dict[str, Any]:
        return {"next_incarnation": np.array(self._collector.next_incarnation, np.int32)}

    def restore(self, rule: Rule, state: dict[str, Any]) -> None:
        self._collector.next_incarnation = int(state["next_incarnation"])

    def close(self) -> None:
        self._collector.close()
        self._backend.close()


def _is_finite(gathered: Gathered) -> bool:
    if gathered.gradient is None or not np.isfinite(gathered.loss):
        return False
    return all(np.isfinite(a).all() for a in jax.tree.leaves(gathered.gradient))


def _mean(gradients: Sequence[PyTree[Array | np.ndarray]]) -> PyTree[Array]:
    return jax.tree.map(lambda *g: jnp.asarray(np.mean(g, axis=0)), *gradients)


def _connect(options: EngineOptions) -> Any:
    """Ray, connected. A cluster of its own listens on loopback alone and has no dashboard."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if options.address is None:
        # Ray's own name for "one machine, loopback only"; without it Ray takes the machine's
        # outward address, whatever address it is given
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Ray's workers would give way to everything else on the machine (niceness 15)
        os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise MissingExtraError("ray", "ray", "engine ray") from None
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    settings: dict[str, Any] = {"address": options.address}
    if options.address is None:
        cores = options.workers or _own_cores()
        settings = {"address": "local", "num_cpus": cores, "include_dashboard": False}
    try:
        for attempt in range(ATTEMPTS):
            try:
                with warnings.catch_warnings():
                    # Ray's processes are forked to run another program at once, which is safe
                    warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
                    ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **settings)
                break
            except Exception as error:  # a busy machine may miss Ray's 30 s, which it raises so
                ray.shutdown()
                if options.address is None and attempt + 1 < ATTEMPTS:
                    continue
                reason = " ".join(str(error).split())[:200]
                where = options.address or "this machine"
                raise RunError(f"cannot use a Ray cluster at {where}: {reason}") from None
    finally:
        for number, handler in handlers.items():  # ray.init takes SIGTERM for itself
            with contextlib.suppress(ValueError):  # not in the main thread
                signal.signal(number, handler)
    return ray


def _own_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
