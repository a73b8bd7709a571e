"""The policy of asynchronous gradients: which worker computes what, and which gradients count.

It does not depend on Ray or JAX: workers are reached through a `Backend`, so that tests and the
simulation in benchmarks/ run the same policy as a real cluster.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from metaplastic.errors import RunError
from metaplastic.meta.engines.backend import Answer, Backend, Request, WorkerLost
from metaplastic.meta.engines.engine import Gathered

ADMIT_SECONDS = 2.0  # between checks of how many workers the cluster has room for
POLL_SECONDS = 0.5
# a group with less than this fraction of the mean number of gradients gets one more worker
FALLEN_BEHIND, FEW_GRADIENTS = 0.5, 8
# consecutive lost workers, without a gradient for `worker_timeout`, after which a run fails
LOST_IN_A_ROW = 20


@dataclass
class _Worker:
    handle: Any
    groups: list[int]
    heard: float
    asked: int = 0
    last: int = -1
    open: int = 0  # requests that are not yet part of an update, nor dropped
    renew: set[int] = field(default_factory=set)


@dataclass
class Collected:
    """The answers for one update, and what was dropped since the last one. `late` holds the answers
    that were too old; `staleness` and `stale` refer to gradients."""

    answers: list[Answer] = field(default_factory=list)
    late: list[Answer] = field(default_factory=list)
    staleness: list[int] = field(default_factory=list)
    stale: int = 0
    lost: int = 0
    workers: int = 0


class Collector:
    """Keeps every worker busy and collects gradients for updates."""

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
        lost_in_a_row: int = LOST_IN_A_ROW,
        names_each: int = 1,
        noun: str = "worker",
        warn: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`backend` reaches the workers, or helpers with their own workers: each helper then gets
        `names_each` incarnations, the first of which is its own."""
        self._backend = backend
        self._n_groups = n_groups
        self._max_staleness = max_staleness
        self._is_finite = is_finite
        self._most = math.inf if most_workers is None else most_workers
        self._in_flight = in_flight
        self._timeout = worker_timeout
        self._warn = warn
        self._clock = clock
        self._hopeless, self._names_each, self._noun = lost_in_a_row, names_each, noun
        self.next_incarnation = 0
        self._workers: dict[int, _Worker] = {}
        self._pending: dict[Hashable, Request] = {}
        self._arrived: deque[Answer] = deque()
        self._free: deque[int] = deque()  # workers with fewer than `in_flight` open requests
        self._credit = [0] * n_groups  # by group, gradients requested or used
        self._owners = [0] * n_groups
        # by group, the mean credit above which it may get another worker
        self._help_from: list[float] = [FEW_GRADIENTS] * n_groups
        self._admit_at = -math.inf
        self._lost_in_a_row, self._last_arrival = 0, clock()
        self._version, self._theta = 0, None

    def collect(
        self, theta: Any, version: int, wanted: int, patience: float = math.inf
    ) -> Collected:
        """Collect `wanted` gradients, at most `max_staleness` updates behind `version`; after
        `patience` seconds, return those that have arrived, even if they are fewer.

        Raises `RunError` if one worker after another is lost before its first gradient.
        """
        deadline = self._clock() + patience
        self._version = version
        self._theta = self._backend.broadcast(theta)
        collected = Collected()
        while True:
            self._admit(collected)
            self._ask()
            while self._arrived:
                self._take(self._arrived.popleft(), collected)
                if len(collected.staleness) >= wanted:
                    # the last worker gets its next request with the θ of this update
                    collected.workers = len(self._workers)
                    return collected
                self._ask()
            if self._clock() >= deadline:
                collected.workers = len(self._workers)
                return collected
            for ticket in self._backend.wait(list(self._pending), POLL_SECONDS):
                self._receive(ticket, collected)

    def _take(self, answer: Answer, collected: Collected) -> None:
        request = answer.request
        worker = self._workers.get(request.incarnation)
        if worker is not None:
            worker.open -= 1
        staleness = [self._version - part.version for part in answer.requests]
        if max(staleness, default=0) > self._max_staleness:
            collected.stale += len(staleness)
            collected.late.append(answer)
            self._credit[request.group] -= 1
        else:
            collected.answers.append(answer)
            collected.staleness += staleness
            if not self._is_finite(answer.gathered):
                self._warn(
                    f"worker {request.incarnation} sent a gradient that is not finite; "
                    "it is dropped and its tasks are replaced"
                )
                if worker is not None:
                    worker.renew.add(request.group)
        if worker is not None:
            self._free.append(request.incarnation)

    def _receive(self, ticket: Hashable, collected: Collected) -> None:
        request = self._pending.pop(ticket, None)
        if request is None:  # of a worker that was lost while other answers were received
            return
        worker = self._workers[request.incarnation]
        try:
            answer = self._backend.answer(ticket)
        except WorkerLost as reason:
            self._lose(request.incarnation, str(reason), collected)
            return
        worker.heard = self._clock()
        if answer.request != request or request.sequence <= worker.last:
            # impossible if every ticket is answered once; an answer must never count twice
            self._lose(request.incarnation, "its answer does not match its request", collected)
            return
        worker.last = request.sequence
        if answer.requests:  # a helper may have no gradients to send
            self._lost_in_a_row, self._last_arrival = 0, worker.heard
        self._arrived.append(answer)

    def _admit(self, collected: Collected) -> None:
        """At intervals, give up silent workers, start new ones if there is room, and make sure that
        every group has one."""
        now = self._clock()
        if now < self._admit_at:
            return
        self._expire(collected)
        self._admit_at = now + ADMIT_SECONDS
        room = int(min(self._most, self._backend.capacity()))
        # at least two groups each, so that every group gets its share of the fast workers
        share = min(self._n_groups, max(2, math.ceil(self._n_groups / max(room, 1))))
        while len(self._workers) < room:
            groups = sorted(range(self._n_groups), key=self._owners.__getitem__)[:share]
            incarnation = self.next_incarnation
            self.next_incarnation += self._names_each
            handle = self._backend.begin(incarnation)
            self._workers[incarnation] = _Worker(handle, groups, now)
            self._free.append(incarnation)
            for group in groups:
                self._owners[group] += 1
        for group in range(self._n_groups):
            if self._workers and not self._owners[group]:
                min(self._workers.values(), key=lambda w: len(w.groups)).groups.append(group)
                self._owners[group] += 1
        self._help_along()

    def _help_along(self) -> None:
        """Assign a group whose workers are all slow to the fastest other worker too. Compiling its
        program takes a while, so each time twice as many gradients must have arrived."""
        mean = sum(self._credit) / self._n_groups
        for group, credit in enumerate(self._credit):
            if mean < self._help_from[group] or credit >= FALLEN_BEHIND * mean:
                continue
            others = [w for w in self._workers.values() if group not in w.groups]
            if others:
                max(others, key=lambda worker: worker.asked).groups.append(group)
                self._owners[group] += 1
                self._help_from[group] = 2 * mean

    def _ask(self) -> None:
        """Give free workers up to `in_flight` requests each, for groups with the least credit."""
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

    def _expire(self, collected: Collected) -> None:
        overdue = self._silent()
        if overdue:
            # they may have answered while the trainer did not listen, as in a long validation
            for ticket in self._backend.wait(list(overdue), 0.0):
                self._receive(ticket, collected)
        for incarnation in dict.fromkeys(self._silent().values()):
            self._lose(incarnation, f"silent for {self._timeout:.0f} s", collected)

    def _silent(self) -> dict[Hashable, int]:
        """Return the open requests of workers silent for too long, with their incarnations."""
        now = self._clock()
        return {
            ticket: request.incarnation
            for ticket, request in self._pending.items()
            if now - self._workers[request.incarnation].heard > self._timeout
        }

    def _lose(self, incarnation: int, reason: str, collected: Collected) -> None:
        """Drop a worker and its open requests, but keep the answers it has sent."""
        worker = self._workers.pop(incarnation)
        for group in worker.groups:
            self._owners[group] -= 1
        self._backend.end(worker.handle, lost=True)
        unanswered = [t for t, r in self._pending.items() if r.incarnation == incarnation]
        for ticket in unanswered:
            self._credit[self._pending.pop(ticket).group] -= 1
        collected.lost += 1
        self._admit_at = -math.inf
        self._warn(f"{self._noun} {incarnation} is lost ({reason}); it is replaced")
        self._lost_in_a_row += 1
        silence = self._clock() - self._last_arrival
        if self._lost_in_a_row >= self._hopeless and silence > self._timeout:
            raise RunError(
                f"the last {self._lost_in_a_row} {self._noun}s were lost before they sent a "
                f"gradient; the last one: {reason}"
            )

    @property
    def incarnations(self) -> tuple[int, ...]:
        """The incarnations of the current workers."""
        return tuple(self._workers)

    def close(self) -> None:
        """Stop all workers."""
        for worker in self._workers.values():
            self._backend.end(worker.handle)
        self._workers.clear()
        self._pending.clear()
        self._arrived.clear()
