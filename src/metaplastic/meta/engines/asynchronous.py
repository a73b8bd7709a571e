"""The policy of asynchronous gradients: which worker computes what, and which gradients count.

Nothing here knows Ray or JAX: a `Backend` reaches the workers, so that tests and the simulation of
benchmarks/ drive the same policy as a real cluster does.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from metaplastic.errors import RunError
from metaplastic.meta.engines.engine import Gathered

ADMIT_SECONDS = 2.0  # between looks at how many workers the cluster holds
POLL_SECONDS = 0.5
# so many lost workers, and no gradient for `worker_timeout`: something is wrong with all of them
LOST_IN_A_ROW = 20


class Request(NamedTuple):
    """A request for one gradient from a worker. Incarnation and sequence number identify it."""

    incarnation: int
    sequence: int
    version: int  # the meta-step whose θ it is of
    group: int
    renew: bool  # replace all tasks of the group first


class Answer(NamedTuple):
    """What came back for a request, and the seconds its computation took."""

    request: Request
    gathered: Gathered
    seconds: float


class WorkerLost(Exception):
    """A worker died, was killed, or failed; says why in one line."""


@runtime_checkable
class Backend(Protocol):
    """How workers are reached."""

    def capacity(self) -> int:
        """How many workers there is room for, including those at work."""
        ...

    def begin(self, incarnation: int) -> Any:
        """Start a worker; its handle."""
        ...

    def end(self, handle: Any) -> None:
        """Stop a worker, whatever it is doing."""
        ...

    def broadcast(self, theta: Any) -> Any:
        """Publish θ to all workers; return what to send in its place."""
        ...

    def ask(self, handle: Any, theta: Any, request: Request) -> Hashable:
        """Start the computation of a gradient by a worker; return a ticket for the answer."""
        ...

    def wait(self, tickets: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Those of the tickets that have an answer, after at most that long."""
        ...

    def answer(self, ticket: Any) -> Answer:
        """The answer; raises `WorkerLost`."""
        ...

    def close(self) -> None:
        """Leave the cluster."""
        ...


@dataclass
class _Worker:
    handle: Any
    groups: list[int]
    heard: float
    asked: int = 0
    last: int = -1
    open: int = 0  # requested, and not yet part of an update or dropped
    renew: set[int] = field(default_factory=set)


@dataclass
class Collected:
    """The answers of one update, and what was left out since the last one."""

    answers: list[Answer] = field(default_factory=list)
    staleness: list[int] = field(default_factory=list)
    stale: int = 0
    not_finite: int = 0
    lost: int = 0
    workers: int = 0


class Collector:
    """Keeps every worker busy and hands out gradients in batches."""

    def __init__(
        self,
        backend: Backend,
        n_groups: int,
        *,
        max_staleness: int,
        is_finite: Callable[[Gathered], bool],
        most_workers: int | None = None,
        in_flight: int = 1,
        worker_timeout: float = 300.0,
        warn: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._n_groups = n_groups
        self._max_staleness = max_staleness
        self._is_finite = is_finite
        self._most = math.inf if most_workers is None else most_workers
        self._in_flight = in_flight
        self._timeout = worker_timeout
        self._warn = warn
        self._clock = clock
        self.next_incarnation = 0
        self._workers: dict[int, _Worker] = {}
        self._pending: dict[Hashable, Request] = {}
        self._arrived: deque[Answer] = deque()
        self._free: deque[int] = deque()  # workers that have less to do than they may
        self._credit = [0] * n_groups  # gradients requested or counted, of each group
        self._owners = [0] * n_groups
        self._admit_at = -math.inf
        self._lost_in_a_row, self._last_arrival = 0, clock()
        self._version, self._theta = 0, None

    def collect(self, theta: Any, version: int, wanted: int) -> Collected:
        """`wanted` answers that are not too old, at most `max_staleness` updates behind `version`.

        Raises `RunError` where one worker after another is lost before its first gradient.
        """
        self._version = version
        self._theta = self._backend.broadcast(theta)
        found = Collected()
        while True:
            self._admit(found)
            self._ask()
            while self._arrived:
                self._take(self._arrived.popleft(), found)
                if len(found.answers) >= wanted:
                    # the last worker is given the θ that results from this update
                    found.workers = len(self._workers)
                    return found
                self._ask()
            for ticket in self._backend.wait(list(self._pending), POLL_SECONDS):
                self._receive(ticket, found)

    def _take(self, answer: Answer, found: Collected) -> None:
        request = answer.request
        worker = self._workers.get(request.incarnation)
        if worker is not None:
            worker.open -= 1
        staleness = self._version - request.version
        if staleness > self._max_staleness:
            found.stale += 1
            self._credit[request.group] -= 1
        else:
            found.answers.append(answer)
            found.staleness.append(staleness)
            if not self._is_finite(answer.gathered):
                found.not_finite += 1
                self._warn(
                    f"worker {request.incarnation} sent a gradient that is not finite; "
                    "it is left out and its tasks are replaced"
                )
                if worker is not None:
                    worker.renew.add(request.group)
        if worker is not None:
            self._free.append(request.incarnation)

    def _receive(self, ticket: Hashable, found: Collected) -> None:
        request = self._pending.pop(ticket, None)
        if request is None:  # of a worker that was lost while others were heard
            return
        worker = self._workers[request.incarnation]
        try:
            answer = self._backend.answer(ticket)
        except WorkerLost as reason:
            self._lose(request.incarnation, str(reason), found)
            return
        worker.heard = self._clock()
        if answer.request != request or request.sequence <= worker.last:
            # cannot happen while every ticket is answered once; it must never count twice
            self._lose(request.incarnation, "it answered what was not asked", found)
            return
        worker.last = request.sequence
        self._lost_in_a_row, self._last_arrival = 0, worker.heard
        self._arrived.append(answer)

    def _admit(self, found: Collected) -> None:
        """Now and then: give silent workers up, start new ones where there is room, and see that
        every group has one."""
        now = self._clock()
        if now < self._admit_at:
            return
        self._expire(found)
        self._admit_at = now + ADMIT_SECONDS
        room = int(min(self._most, self._backend.capacity()))
        # two groups each at least: then slow groups get their share of fast workers
        share = min(self._n_groups, max(2, math.ceil(self._n_groups / max(room, 1))))
        while len(self._workers) < room:
            groups = sorted(range(self._n_groups), key=self._owners.__getitem__)[:share]
            incarnation = self.next_incarnation
            self.next_incarnation += 1
            handle = self._backend.begin(incarnation)
            self._workers[incarnation] = _Worker(handle, groups, now)
            self._free.append(incarnation)
            for group in groups:
                self._owners[group] += 1
        for group in range(self._n_groups):
            if self._workers and not self._owners[group]:
                min(self._workers.values(), key=lambda w: len(w.groups)).groups.append(group)
                self._owners[group] += 1

    def _ask(self) -> None:
        """Give free workers up to `in_flight` requests each, for the group with the fewest."""
        while self._free:
            incarnation = self._free.popleft()
            worker = self._workers.get(incarnation)
            while worker is not None and worker.open < self._in_flight:
                group = min(worker.groups, key=self._credit.__getitem__)
                request = Request(
                    incarnation, worker.asked, self._version, group, group in worker.renew
                )
                worker.renew.discard(group)
                if worker.open == 0:
                    worker.heard = self._clock()
                worker.asked += 1
                worker.open += 1
                self._credit[group] += 1
                self._pending[self._backend.ask(worker.handle, self._theta, request)] = request

    def _expire(self, found: Collected) -> None:
        now = self._clock()
        waiting = {request.incarnation for request in self._pending.values()}
        for incarnation in waiting:
            if now - self._workers[incarnation].heard > self._timeout:
                self._lose(incarnation, f"silent for {self._timeout:.0f} s", found)

    def _lose(self, incarnation: int, reason: str, found: Collected) -> None:
        """Drop a worker and its open requests; what it sent is kept."""
        worker = self._workers.pop(incarnation)
        for group in worker.groups:
            self._owners[group] -= 1
        self._backend.end(worker.handle)
        owed = [t for t, request in self._pending.items() if request.incarnation == incarnation]
        for ticket in owed:
            self._credit[self._pending.pop(ticket).group] -= 1
        found.lost += 1
        self._admit_at = -math.inf
        self._warn(f"worker {incarnation} is lost ({reason}); it is replaced")
        self._lost_in_a_row += 1
        silence = self._clock() - self._last_arrival
        if self._lost_in_a_row >= LOST_IN_A_ROW and silence > self._timeout:
            raise RunError(
                f"the last {self._lost_in_a_row} workers were lost before a gradient came; "
                f"the last one: {reason}"
            )

    def close(self) -> None:
        """Stop all workers."""
        for worker in self._workers.values():
            self._backend.end(worker.handle)
        self._workers.clear()
        self._pending.clear()
        self._arrived.clear()
