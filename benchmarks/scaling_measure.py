"""Measurements of the costs of engine `ray`: message sizes, the trainer's time for each part of its
work, a worker's time for a gradient, and whole runs on real workers."""

from __future__ import annotations

import math
import os
import time
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np

from metaplastic.base_model import initialise
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
from metaplastic.tasks.architecture import Architecture

# `paper` has an update network of the paper's size (H = 64), which is never compiled here
PRESETS = ("quick", "paper")


class SleepingWorker(Worker):
    """A worker that pauses and sends a zero gradient, which emulates a core of another machine."""

    median: ClassVar[float] = 0.0

    def __init__(self, plan: Any, incarnation: int, core: int | None, settings: Any) -> None:
        """`plan`: seconds per gradient, and spreads of their log over workers and gradients."""
        self._seconds, of_workers, self._of_gradients = plan
        self._rng = np.random.default_rng(incarnation)
        self._seconds *= float(np.exp(of_workers * self._rng.normal()))

    def gradient(self, theta: Any, request: Request) -> Answer:
        if self._seconds:
            time.sleep(self._seconds * float(np.exp(self._of_gradients * self._rng.normal())))
        zeros = jax.tree.map(np.zeros_like, theta)
        return Answer(request, Gathered(zeros, 0.0, 0.0, 1, 1, 0, 0, 0.0), 0.0)


def sleeping_means(workers: int, seconds: float, spread: float) -> list[float]:
    """Return the median times of the first sleeping workers, drawn as each worker does."""
    draws = [np.random.default_rng(i).normal() for i in range(workers)]
    return [seconds * float(np.exp(spread * draw)) for draw in draws]


def rule_of(config: MetaTrainConfig) -> Rule:
    """Return the rule at the start of a run."""
    return make_rule(config.rule.name, jax.random.key(config.seed), **config.rule.settings)


def theta_of(config: MetaTrainConfig) -> Any:
    """Return θ as it is broadcast."""
    return jax.device_get(eqx.filter(rule_of(config), eqx.is_array))


def phi_bytes(config: MetaTrainConfig, architecture: Architecture) -> int:
    """Return the bytes of a base model, with separate backward weights if the rule has them."""
    backward, spec = rule_of(config).needs_backward, architecture.model
    phi = eqx.filter_eval_shape(lambda: initialise(jax.random.key(0), spec, backward=backward))
    return sum(math.prod(a.shape) * a.dtype.itemsize for a in jax.tree.leaves(phi))


def bytes_of_messages() -> dict[str, Any]:
    """Measure the bytes of θ, of a gradient, and of a task's state, which is never sent."""
    from ray.cloudpickle import dumps  # pyright: ignore[reportAttributeAccessIssue]

    by_preset = {}
    for preset in PRESETS:
        config = make_config(preset)
        theta = theta_of(config)
        request = Request(0, 0, 0, 0, False)
        answer = Answer(request, Gathered(theta, 0.0, 0.0, 2, 100, 0, 2, 0.0), 1.0)
        drawn = draw_architectures(config)
        pools = [t.n_classes * t.examples_per_class for t in draw_tasks(config)]
        by_preset[preset] = {
            "meta_parameters": sum(a.size for a in jax.tree.leaves(theta)),
            "theta_bytes": len(dumps(theta, protocol=5)),
            "gradient_bytes": len(dumps(answer, protocol=5)),
            "request_bytes": len(dumps(request, protocol=5)),
            "phi_bytes_per_task": [phi_bytes(config, one) for one in drawn],
            "pool_bytes_per_task": [
                4 * n * one.sizes[0] for n, one in zip(pools, drawn, strict=True)
            ],
        }
    return by_preset


def _collector(backend: RayBackend, groups: int, workers: int, **changes: Any) -> Collector:
    settings: dict[str, Any] = {"max_staleness": 8, "is_finite": lambda g: True, **changes}
    return Collector(backend, groups, most_workers=workers, **settings)


def trainer_costs(address: str | None, per_update: int = 256, updates: int = 20) -> dict[str, Any]:
    """Measure processor seconds of the trainer's process: for receiving a gradient and requesting
    the next, for an update (mean, Adam, broadcast of θ), and per pending answer for each poll."""
    import ray

    costs: dict[str, Any] = {"per_update": per_update, "updates": updates}
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
        collector.collect(theta, 0, 64)  # until the workers are running
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
        costs[preset] = {
            "receive_seconds": seconds / (updates * per_update),
            "update_seconds": (time.process_time() - clock) / updates,
            "received_per_second_beside_4_workers": updates * per_update / elapsed,
        }
        collector.close()
        backend._held.clear()
    handle: Any = ray.remote(num_cpus=0)(SleepingWorker)
    handle = handle.remote((3600.0, 0.0, 0.0), 0, None, {})
    theta = backend.broadcast(theta_of(make_config("quick")))
    polls = []
    for pending in (1000, 4000):
        tickets = [
            handle.gradient.remote(theta, Request(0, i, 0, 0, False)) for i in range(pending)
        ]
        clock = time.process_time()
        for _ in range(20):
            ray.wait(tickets, num_returns=1, timeout=0)
        polls.append((time.process_time() - clock) / 20 / pending)
        del tickets
    costs["look_seconds_per_pending"] = float(np.mean(polls))
    ray.kill(handle)
    backend.close()
    return costs


def sleeping_run(
    workers: int,
    seconds: float,
    *,
    per_update: int,
    updates: int,
    spreads: tuple[float, float],
    address: str | None = None,
) -> dict[str, float]:
    """Run on real workers that sleep, so that they do not compete for cores."""
    backend = RayBackend(
        (seconds, *spreads),  # pyright: ignore[reportArgumentType]
        EngineOptions(address=address, workers=workers),
        SleepingWorker,
    )
    collector = _collector(backend, 8, workers)
    theta = theta_of(make_config("quick"))
    collector.collect(theta, 0, 4 * workers)  # until all are running
    began, staleness, stale = time.perf_counter(), [], 0
    for version in range(1, updates + 1):
        collected = collector.collect(theta, version, per_update)
        staleness += collected.staleness
        stale += collected.stale
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
    """A worker that reports processor seconds, which other load affects less than elapsed time."""

    def gradient(self, theta: Any, request: Request) -> Answer:
        clock = time.process_time()
        answer = super().gradient(theta, request)
        return answer._replace(seconds=time.process_time() - clock)


def computing_run(
    workers: int, config: MetaTrainConfig, *, updates: int, address: str | None = None
) -> dict[str, Any]:
    """Run on real workers; return gradients per second and processor seconds per gradient."""
    plan: Plan = make_plan(config)
    backend = RayBackend(plan, EngineOptions(address=address, workers=workers), TimedWorker)
    collector = _collector(
        backend, config.groups, workers, is_finite=lambda g: g.gradient is not None
    )
    theta = theta_of(config)
    compiling, groups_by_worker = True, {}
    while compiling:  # until every worker has computed each of its groups once
        for answer in collector.collect(theta, 0, 1).answers:  # θ does not change
            groups_by_worker.setdefault(answer.request.incarnation, set()).add(answer.request.group)
        groups = sum(len(g) for g in groups_by_worker.values())
        compiling = len(groups_by_worker) < workers or groups < workers * min(2, config.groups)
    began, seconds, staleness = time.perf_counter(), [], []
    for version in range(updates):
        collected = collector.collect(theta, version, config.groups)
        seconds += [a.seconds for a in collected.answers]
        staleness += collected.staleness
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
