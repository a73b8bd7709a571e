"""A discrete-event simulation of engine `ray`: the engine's own policy on made-up workers.

Only the workers, the network and the clock are made up; which gradients count, how old they are and
what is asked of whom is decided by `metaplastic.meta.engines.asynchronous.Collector` itself.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metaplastic.meta.engines.asynchronous import Answer, Collector, Request
from metaplastic.meta.engines.engine import Gathered

NOTHING = Gathered(np.ones(()), 0.0, 0.0, 1, 1, 0, 0, 0.0)


@dataclass(frozen=True)
class Costs:
    """Seconds of the trainer's time, as measured, and of a worker's."""

    gradient: float  # a worker's median time for one
    spread_of_workers: float = 0.3  # of the logarithm of a worker's mean time
    spread_of_gradients: float = 0.2  # of the logarithm of one gradient about it
    message: float = 0.001  # on the way, both ways together
    receive: float = 0.0  # take in one gradient, and ask for the next
    update: float = 0.0  # average, apply, broadcast
    look: float = 0.0  # each pending answer, each time the trainer looks


class SimulatedBackend:
    """Workers with times of their own; the trainer's work moves the clock too."""

    def __init__(
        self, workers: int, costs: Costs, seed: int, means: Sequence[float] | None
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._workers, self._costs = workers, costs
        drawn = costs.gradient * np.exp(costs.spread_of_workers * self._rng.normal(size=workers))
        self._means = drawn if means is None else means
        self._due: list[tuple[float, int]] = []
        self._free_at: dict[int, float] = {}
        self._asked: list[Request] = []
        self.now = self.idle = 0.0

    def capacity(self) -> int:
        return self._workers

    def begin(self, incarnation: int) -> int:
        return incarnation

    def end(self, handle: int) -> None:
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


def simulate(
    workers: int,
    costs: Costs,
    *,
    per_update: int,
    max_staleness: int = 8,
    in_flight: int = 1,
    groups: int = 8,
    seed: int = 0,
    updates: int | None = None,
    means: Sequence[float] | None = None,
) -> dict[str, float]:
    """One run: rates over the second half, staleness, and how busy the trainer was.

    `means` are the workers' own median times, where they are known.
    """
    backend = SimulatedBackend(workers, costs, seed, means)
    collector = Collector(
        backend,
        groups,
        max_staleness=max_staleness,
        is_finite=lambda gathered: True,
        in_flight=in_flight,
        worker_timeout=np.inf,
        clock=lambda: backend.now,
    )
    # long enough for every worker to send some, short enough to be simulated in seconds
    updates = updates or int(np.clip(6 * workers / per_update, 30, 300))
    staleness: list[int] = []
    stale = half = began = idle = 0
    for version in range(updates):
        if version == updates // 2:
            half, began, idle = len(staleness), backend.now, backend.idle
            stale = 0
        found = collector.collect(None, version, per_update)
        staleness += found.staleness
        stale += found.stale
    span = backend.now - began
    late = np.array(staleness[half:])
    return {
        "updates_per_second": (updates - updates // 2) / span,
        "gradients_per_second": len(late) / span,
        "staleness": float(late.mean()),
        "staleness_95": float(np.quantile(late, 0.95)),
        "dropped_fraction": stale / (stale + len(late)),
        "trainer_busy": 1.0 - (backend.idle - idle) / span,
    }


def sweep(
    counts: Sequence[int], costs: Costs, *, seeds: Sequence[int], **settings: Any
) -> dict[str, Any]:
    """`simulate` for each number of workers; means over seeds."""
    rows = []
    for count in counts:
        runs = [simulate(count, costs, seed=seed, **settings) for seed in seeds]
        means = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        rows.append({"workers": count, **means})
    return {"costs": asdict(costs), "settings": settings, "seeds": list(seeds), "rows": rows}
