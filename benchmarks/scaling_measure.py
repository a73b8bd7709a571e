"""What engine `ray` costs, measured: bytes of a message, the trainer's time for each part of its
work, a worker's time for a gradient, and whole runs on real workers."""

from __future__ import annotations

import itertools
import os
import time
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np

from metaplastic.meta import optimizer
from metaplastic.meta.config import MetaTrainConfig
from metaplastic.meta.config_tables import make_config
from metaplastic.meta.engines import EngineOptions, Gathered
from metaplastic.meta.engines.asynchronous import Collector
from metaplastic.meta.engines.backend import Answer, Request
from metaplastic.meta.engines.ray_backend import RayBackend
from metaplastic.meta.engines.ray_worker import Worker
from metaplastic.meta.plan import Plan, draw_architectures, draw_tasks, make_plan
from metaplastic.rules import Rule, make_rule

# of a paper-sized update network (H = 64), as long as nothing of it is compiled
PRESETS = ("quick", "paper")


class SleepingWorker(Worker):
    """Sends a gradient of zeros of θ's size after a pause: stands for a core on another machine."""

    median: ClassVar[float] = 0.0

    def __init__(self, plan: Any, incarnation: int, core: int | None, settings: Any) -> None:
        """`plan` holds the seconds of a gradient, and the spreads of their logarithm."""
        self._seconds, of_workers, self._of_gradients = plan
        self._rng = np.random.default_rng(incarnation)
        self._seconds *= float(np.exp(of_workers * self._rng.normal()))

    def gradient(self, theta: Any, request: Request) -> Answer:
        if self._seconds:
            time.sleep(self._seconds * float(np.exp(self._of_gradients * self._rng.normal())))
        zeros = jax.tree.map(np.zeros_like, theta)
        return Answer(request, Gathered(zeros, 0.0, 0.0, 1, 1, 0, 0, 0.0), 0.0)


def sleeping_means(workers: int, seconds: float, spread: float) -> list[float]:
    """The median times of the first sleeping workers: each draws its own from its incarnation."""
    draws = [np.random.default_rng(i).normal() for i in range(workers)]
    return [seconds * float(np.exp(spread * draw)) for draw in draws]


def rule_of(config: MetaTrainConfig) -> Rule:
    """The rule as a run begins with it."""
    return make_rule(config.rule.name, jax.random.key(config.seed), **config.rule.settings)


def theta_of(config: MetaTrainConfig) -> Any:
    """θ as it is broadcast."""
    return jax.device_get(eqx.filter(rule_of(config), eqx.is_array))


def bytes_of_messages() -> dict[str, Any]:
    """θ out, a gradient back, and the state of a task, which never travels."""
    from ray.cloudpickle import dumps  # pyright: ignore[reportAttributeAccessIssue]

    found = {}
    for preset in PRESETS:
        config = make_config(preset)
        theta = theta_of(config)
        request = Request(0, 0, 0, 0, False)
        answer = Answer(request, Gathered(theta, 0.0, 0.0, 2, 100, 0, 2, 0.0), 1.0)
        sizes = [a.sizes for a in draw_architectures(config)]
        phi = [4 * sum(m * n + n for m, n in itertools.pairwise(s)) for s in sizes]
        pools = [t.n_classes * t.examples_per_class for t in draw_tasks(config)]
        found[preset] = {
            "meta_parameters": sum(a.size for a in jax.tree.leaves(theta)),
            "theta_bytes": len(dumps(theta, protocol=5)),
            "gradient_bytes": len(dumps(answer, protocol=5)),
            "request_bytes": len(dumps(request, protocol=5)),
            "phi_bytes_per_task": phi,
            "pool_bytes_per_task": [4 * n * s[0] for n, s in zip(pools, sizes, strict=True)],
        }
    return found


def _collector(backend: RayBackend, groups: int, workers: int, **more: Any) -> Collector:
    settings: dict[str, Any] = {"max_staleness": 8, "is_finite": lambda g: True, **more}
    return Collector(backend, groups, most_workers=workers, **settings)


def trainer_costs(address: str | None, per_update: int = 256, updates: int = 20) -> dict[str, Any]:
    """Processor seconds of the trainer's process: for a gradient taken in and the next one asked
    for, for an update (mean, Adam, θ laid out), and for each pending answer at each look."""
    import ray

    found: dict[str, Any] = {"per_update": per_update, "updates": updates}
    workers = 4
    backend = RayBackend(
        (0.0, 0.0, 0.0),  # pyright: ignore[reportArgumentType]
        EngineOptions(address=address, workers=workers, in_flight=16),
        SleepingWorker,
    )
    for preset in PRESETS:
        config = make_config(preset)
        theta, rule = theta_of(config), rule_of(config)
        state = optimizer.start(config.optimizer, rule)
        collector = _collector(backend, 1, workers, in_flight=16, max_staleness=10**6)
        collector.collect(theta, 0, 64)  # workers are up
        clock, wall = time.process_time(), time.perf_counter()
        answers = []
        for version in range(updates):
            answers = collector.collect(theta, version, per_update).answers
        seconds = time.process_time() - clock
        elapsed = time.perf_counter() - wall

        def update(answers, rule=rule, state=state, config=config):
            trees = [a.gathered.gradient for a in answers]
            mean = jax.tree.map(lambda *g: jax.numpy.asarray(np.mean(g, axis=0)), *trees)
            return jax.block_until_ready(optimizer.apply(config.optimizer, rule, state, mean))

        update(answers)
        clock = time.process_time()
        for _ in range(updates):
            update(answers)
            backend.broadcast(theta)
        found[preset] = {
            "receive_seconds": seconds / (updates * per_update),
            "update_seconds": (time.process_time() - clock) / updates,
            "received_per_second_beside_4_workers": updates * per_update / elapsed,
        }
        collector.close()
        backend._held.clear()
    handle: Any = ray.remote(num_cpus=0)(SleepingWorker)
    handle = handle.remote((3600.0, 0.0, 0.0), 0, None, {})
    theta = backend.broadcast(theta_of(make_config("quick")))
    looks = []
    for pending in (1000, 4000):
        tickets = [
            handle.gradient.remote(theta, Request(0, i, 0, 0, False)) for i in range(pending)
        ]
        clock = time.process_time()
        for _ in range(20):
            ray.wait(tickets, num_returns=1, timeout=0)
        looks.append((time.process_time() - clock) / 20 / pending)
        del tickets
    found["look_seconds_per_pending"] = float(np.mean(looks))
    ray.kill(handle)
    backend.close()
    return found


def sleeping_run(
    workers: int,
    seconds: float,
    *,
    per_update: int,
    updates: int,
    spreads: tuple[float, float],
    address: str | None = None,
) -> dict[str, float]:
    """A real run on workers that sleep, so that no core is fought for."""
    backend = RayBackend(
        (seconds, *spreads),  # pyright: ignore[reportArgumentType]
        EngineOptions(address=address, workers=workers),
        SleepingWorker,
    )
    collector = _collector(backend, 8, workers)
    theta = theta_of(make_config("quick"))
    collector.collect(theta, 0, 4 * workers)  # all are up
    began, staleness, stale = time.perf_counter(), [], 0
    for version in range(1, updates + 1):
        found = collector.collect(theta, version, per_update)
        staleness += found.staleness
        stale += found.stale
    elapsed = time.perf_counter() - began
    collector.close()
    backend.close()
    return {
        "workers": workers,
        "gradients_per_second": len(staleness) / elapsed,
        "staleness": float(np.mean(staleness)),
        "dropped_fraction": stale / (stale + len(staleness)),
    }


class TimedWorker(Worker):
    """Tells processor seconds instead of elapsed ones: other work on this machine counts less."""

    def gradient(self, theta: Any, request: Request) -> Answer:
        clock = time.process_time()
        answer = super().gradient(theta, request)
        return answer._replace(seconds=time.process_time() - clock)


def computing_run(
    workers: int, config: MetaTrainConfig, *, updates: int, address: str | None = None
) -> dict[str, Any]:
    """A real run: gradients per second, processor seconds for each."""
    plan: Plan = make_plan(config)
    backend = RayBackend(plan, EngineOptions(address=address, workers=workers), TimedWorker)
    collector = _collector(
        backend, config.groups, workers, is_finite=lambda g: g.gradient is not None
    )
    theta = theta_of(config)
    compiling, heard = True, {}
    while compiling:  # until every worker has computed each of its groups once
        for answer in collector.collect(theta, 0, 1).answers:  # updates without a change of θ
            heard.setdefault(answer.request.incarnation, set()).add(answer.request.group)
        groups = sum(len(g) for g in heard.values())
        compiling = len(heard) < workers or groups < workers * min(2, config.groups)
    began, seconds, staleness = time.perf_counter(), [], []
    for version in range(updates):
        found = collector.collect(theta, version, config.groups)
        seconds += [a.seconds for a in found.answers]
        staleness += found.staleness
    elapsed = time.perf_counter() - began
    collector.close()
    backend.close()
    return {
        "workers": workers,
        "gradients": len(seconds),
        "gradients_per_second": len(seconds) / elapsed,
        "processor_seconds_per_gradient": float(np.median(seconds)),
        "staleness": float(np.mean(staleness)),
        "load_average": os.getloadavg()[0],
    }
