"""Fake workers and helpers of engine `ray`, with a simulated clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from metaplastic.meta.engines import Gathered
from metaplastic.meta.engines.backend import Answer, Request, WorkerLost
from metaplastic.meta.engines.helper import Helper
from metaplastic.meta.engines.ray_helper import share_of

GOOD = Gathered(np.ones(()), 0.5, 1.0, 2, 8, 0, 0, 0.0)


class MadeUp:
    """Fake workers that take `seconds(incarnation)` per gradient. Those in `dead` are lost at their
    next answer, those in `silent` never answer. `gradient` makes the gradients."""

    def __init__(
        self,
        room: int,
        seconds: Callable[[int], float] = lambda incarnation: 1.0,
        gradient: Callable[[Request], Gathered] = lambda request: GOOD,
    ) -> None:
        self.room, self.seconds, self.gradient, self.now = room, seconds, gradient, 0.0
        self.due: list[tuple[float, int, Request]] = []
        self.requests: list[Request] = []
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.free_at: dict[int, float] = {}
        self.dead: set[int] = set()
        self.silent: set[int] = set()
        self.spoilt: set[int] = set()
        self.broadcasts = 0

    def capacity(self) -> int:
        return self.room

    def begin(self, incarnation: int) -> int:
        self.begun.append(incarnation)
        return incarnation

    def end(self, handle: int, *, lost: bool = False) -> None:
        self.ended.append(handle)

    def broadcast(self, theta: object) -> object:
        self.broadcasts += 1
        return theta

    def ask(self, handle: int, theta: object, request: Request) -> int:
        ticket = len(self.requests)
        self.requests.append(request)
        if handle not in self.silent:
            end = max(self.now, self.free_at.get(handle, 0.0)) + self.seconds(handle)
            self.free_at[handle] = end
            heapq.heappush(self.due, (end, ticket, request))
        return ticket

    def wait(self, tickets: list[int], seconds: float) -> list[int]:
        end = self.due[0][0] if self.due else float("inf")
        self.now = max(self.now, min(end, self.now + seconds))
        ready = []
        while self.due and self.due[0][0] <= self.now:
            ready.append(heapq.heappop(self.due)[1])
        return ready

    def answer(self, ticket: int) -> Answer:
        request = self.requests[ticket]
        if request.incarnation in self.dead:
            raise WorkerLost("killed")
        gathered = self.gradient(request)
        if request.incarnation in self.spoilt:
            gathered = replace(gathered, gradient=None)
        return Answer(request, gathered, 1.0)

    def close(self) -> None:
        pass


class MadeUpHelpers(MadeUp):
    """`helpers` real helpers, each with `room` fake workers and its own clock."""

    def __init__(self, helpers: int, room: int, wanted: int, **workers) -> None:
        super().__init__(helpers)
        self.workers_each, self.wanted, self.worker_kwargs = room, wanted, workers
        self.workers: dict[int, MadeUp] = {}
        self.helpers: dict[int, Helper] = {}
        self.answers: dict[int, Answer | WorkerLost] = {}
        self.groups, self.max_staleness, self.worker_timeout = 1, 8, 30.0

    def begin(self, incarnation: int) -> int:
        workers = MadeUp(self.workers_each, **self.worker_kwargs)
        workers.now = self.now
        self.workers[incarnation] = workers
        self.helpers[incarnation] = Helper(
            workers,
            self.groups,
            incarnation,
            max_staleness=self.max_staleness,
            worker_timeout=self.worker_timeout,
            clock=lambda: workers.now,
        )
        return super().begin(incarnation)

    def ask(self, handle: int, theta: object, request: Request) -> int:
        ticket = len(self.requests)
        self.requests.append(request)
        workers = self.workers[handle]
        workers.now = max(workers.now, self.now)
        share = share_of(0, self.room, self.workers_each * self.room, self.wanted)
        try:
            self.answers[ticket] = self.helpers[handle].gradient(theta, request, share)
        except WorkerLost as error:
            self.answers[ticket] = error
        heapq.heappush(self.due, (workers.now, ticket, request))
        return ticket

    def answer(self, ticket: int) -> Answer:
        answer = self.answers[ticket]
        if isinstance(answer, WorkerLost):
            raise answer
        if self.requests[ticket].incarnation in self.dead:
            raise WorkerLost("killed")
        return answer
