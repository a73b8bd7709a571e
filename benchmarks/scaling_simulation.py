"""A discrete-event simulation of engine `ray`: the engine's real policy on simulated workers.

Only the workers, the network and the clock are simulated. Which gradients count, how stale they are
and what each worker is asked for is decided by `metaplastic.meta.engines.asynchronous.Collector`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metaplastic.meta.engines.asynchronous import Collector
from metaplastic.meta.engines.backend import Answer, Request
from metaplastic.meta.engines.engine import Gathered
from metaplastic.meta.engines.helper import Helper, Share
from metaplastic.meta.engines.ray_engine import collector_of_helpers
from metaplastic.meta.engines.ray_helper import share_of

NOTHING = Gathered(np.ones(()), 0.0, 0.0, 1, 1, 0, 0, 0.0)


@dataclass(frozen=True)
class Costs:
    """Costs in seconds of the trainer's time, as measured, and of a worker's time."""

    gradient: float  # a worker's median time for one gradient
    spread_of_workers: float = 0.3  # of the logarithm of a worker's mean time
    spread_of_gradients: float = 0.2  # of the logarithm of one gradient's time around that mean
    message: float = 0.001  # network latency, both ways together
    receive: float = 0.0  # receive one gradient and request the next
    update: float = 0.0  # average, apply, broadcast
    look: float = 0.0  # per pending answer, each time the trainer polls


class SimulatedBackend:
    """Simulated workers, each with its own speed; the trainer's work advances the clock as well."""

    def __init__(
        self, workers: int, costs: Costs, seed: int, means: Sequence[float] | None, first: int = 0
    ) -> None:
        """`first` is the incarnation of the first worker."""
        self._rng = np.random.default_rng(seed)
        self._workers, self._costs, self._first = workers, costs, first
        drawn = costs.gradient * np.exp(costs.spread_of_workers * self._rng.normal(size=workers))
        self._means = drawn if means is None else means
        self._due: list[tuple[float, int]] = []
        self._free_at: dict[int, float] = {}
        self._asked: list[Request] = []
        self.now = self.idle = 0.0

    def capacity(self) -> int:
        return self._workers

    def begin(self, incarnation: int) -> int:
        return incarnation - self._first

    def end(self, handle: int, *, lost: bool = False) -> None:
        raise AssertionError("no worker is lost here")

    def broadcast(self, theta: Any) -> None:
        self.now += self._costs.update

    def ask(self, handle: int, theta: Any, request: Request) -> Hashable:
        noise = float(np.exp(self._costs.spread_of_gradients * self._rng.normal()))
        begins = max(self.now, self._free_at.get(handle, 0.0))
        ends = begins + float(self._means[handle]) * noise + self._costs.message
        self._free_at[handle] = ends
        heapq.heappush(self._due, (ends, len(self._asked)))
        self._asked.append(request)
        return len(self._asked) - 1

    def wait(self, tickets: Sequence[int], seconds: float) -> list[int]:
        self.now += self._costs.look * len(tickets)
        ends = min(self._due[0][0] if self._due else np.inf, self.now + seconds)
        self.idle += max(0.0, ends - self.now)
        self.now = max(self.now, ends)
        ready = []
        while self._due and self._due[0][0] <= self.now:
            ready.append(heapq.heappop(self._due)[1])
        return ready

    def answer(self, ticket: int) -> Answer:
        self.now += self._costs.receive
        return Answer(self._asked[ticket], NOTHING, 0.0)

    def close(self) -> None:
        pass

    def rate_without_waiting(self) -> float:
        """Return the gradients per second if no worker had to wait."""
        noise = np.exp(self._costs.spread_of_gradients**2 / 2)
        return float(np.sum(1.0 / (np.asarray(self._means) * noise)))


class SimulatedHelpers(SimulatedBackend):
    """The engine's real helpers, each with its own clock, on simulated workers.

    Nothing reaches a helper between a request and its answer, so each answer is simulated as soon
    as it is requested.
    """

    def __init__(
        self, shares: Sequence[Share], costs: Costs, seed: int, make: Callable[..., Helper]
    ) -> None:
        """`make` builds a helper from a backend, an incarnation and a clock."""
        super().__init__(len(shares), costs, seed, None)
        self._shares, self._seed, self._make = shares, seed, make
        self._held: list[tuple[SimulatedBackend, Helper]] = []
        self._answers: list[Answer] = []

    def begin(self, incarnation: int) -> int:
        index = len(self._held)
        seed = self._seed * len(self._shares) + index
        share = self._shares[index]
        workers = SimulatedBackend(share.workers, self._costs, seed, None, incarnation)
        helper = self._make(workers, incarnation, lambda: workers.now)
        self._held.append((workers, helper))
        return index

    def ask(self, handle: int, theta: Any, request: Request) -> Hashable:
        workers, helper = self._held[handle]
        begins = self.now + self._costs.message / 2
        workers.idle += max(0.0, begins - workers.now)
        workers.now = max(workers.now, begins)
        self._answers.append(helper.gradient(theta, request, self._shares[handle]))
        ticket = len(self._answers) - 1
        heapq.heappush(self._due, (workers.now + self._costs.message / 2, ticket))
        return ticket

    def answer(self, ticket: int) -> Answer:
        self.now += self._costs.receive
        return self._answers[ticket]

    def rate_without_waiting(self) -> float:
        return sum(workers.rate_without_waiting() for workers, _ in self._held)

    def busiest(self) -> float:
        """Return the largest fraction of time that a helper was busy."""
        return max(1.0 - workers.idle / workers.now for workers, _ in self._held)


def simulate(
    workers: int,
    costs: Costs,
    *,
    per_update: int | None,
    max_staleness: int = 8,
    in_flight: int = 1,
    groups: int = 8,
    seed: int = 0,
    updates: int | None = None,
    means: Sequence[float] | None = None,
    fan_in: int | None = None,
) -> dict[str, float]:
    """Simulate one run: rates over the second half, staleness, and how busy the trainer was.

    `means` are the workers' median times, if known. `per_update` None stands for half as many
    gradients as workers, but at least 256. Every `fan_in` workers share a helper; None: no helpers.
    """
    per_update = per_update or max(256, workers // 2)
    policy: dict[str, Any] = {
        "max_staleness": max_staleness,
        "in_flight": in_flight,
        "worker_timeout": np.inf,
    }
    if fan_in is None:
        backend = SimulatedBackend(workers, costs, seed, means)
        collector = Collector(
            backend,
            groups,
            is_finite=lambda gathered: True,
            clock=lambda: backend.now,
            **policy,
        )
    else:
        helpers = math.ceil(workers / fan_in)
        shares = [share_of(index, helpers, workers, per_update) for index in range(helpers)]
        backend = SimulatedHelpers(
            shares,
            costs,
            seed,
            lambda helper_backend, first, clock: Helper(
                helper_backend, groups, first, clock=clock, **policy
            ),
        )
        collector = collector_of_helpers(
            backend,
            max_staleness=max_staleness,
            worker_timeout=np.inf,
            clock=lambda: backend.now,
        )
    # long enough for every worker to send gradients, short enough for seconds of simulation
    updates = updates or int(np.clip(6 * workers / per_update, 30, 300))
    staleness: list[int] = []
    stale = half = began = idle = 0
    for version in range(updates):
        if version == updates // 2:
            half, began, idle = len(staleness), backend.now, backend.idle
            stale = 0
        collected = collector.collect(None, version, per_update)
        staleness += collected.staleness
        stale += collected.stale
        stale += sum(
            a.report.stale for a in collected.answers + collected.late if a.report is not None
        )
    span = backend.now - began
    late = np.array(staleness[half:])
    rate = len(late) / span
    extra = {"busiest_helper": backend.busiest()} if isinstance(backend, SimulatedHelpers) else {}
    return {
        "updates_per_second": (updates - updates // 2) / span,
        "gradients_per_second": rate,
        "efficiency": rate / backend.rate_without_waiting(),
        "staleness": float(late.mean()),
        "staleness_95": float(np.quantile(late, 0.95)),
        "dropped_fraction": stale / (stale + len(late)),
        "trainer_busy": 1.0 - (backend.idle - idle) / span,
        **extra,
    }


def sweep(
    counts: Sequence[int], costs: Costs, *, seeds: Sequence[int], **settings: Any
) -> dict[str, Any]:
    """Simulate each number of workers, and return means over seeds."""
    rows = []
    for count in counts:
        runs = [simulate(count, costs, seed=seed, **settings) for seed in seeds]
        means = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        rows.append({"workers": count, **means})
    return {"costs": asdict(costs), "settings": settings, "seeds": list(seeds), "rows": rows}
