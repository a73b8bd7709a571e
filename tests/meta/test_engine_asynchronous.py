"""The policy of asynchronous gradients, on workers and a clock that are made up."""

from __future__ import annotations

import heapq
import random
from dataclasses import replace

import numpy as np
import pytest

from metaplastic.errors import RunError
from metaplastic.meta.engines import Gathered
from metaplastic.meta.engines.asynchronous import Collector
from metaplastic.meta.engines.backend import Answer, Request, WorkerLost

GOOD = Gathered(np.ones(()), 0.5, 1.0, 2, 8, 0, 0, 0.0)


class MadeUp:
    """Workers that take `seconds(incarnation)` a gradient; those in `dead` are lost at their next
    answer, those in `silent` never answer."""

    def __init__(self, room: int, seconds=lambda incarnation: 1.0) -> None:
        self.room, self.seconds, self.now = room, seconds, 0.0
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
        spoilt = request.incarnation in self.spoilt
        return Answer(request, replace(GOOD, gradient=None) if spoilt else GOOD, 1.0)

    def close(self) -> None:
        pass


def _collector(backend: MadeUp, groups: int = 2, **more) -> Collector:
    settings = {"max_staleness": 8, "is_finite": lambda g: g.gradient is not None, **more}
    return Collector(backend, groups, clock=lambda: backend.now, **settings)


def _names(answers: list[Answer]) -> list[tuple[int, int]]:
    return [a.request[:2] for a in answers]


def test_an_update_is_made_of_the_first_that_come() -> None:
    backend = MadeUp(3, lambda incarnation: [1.0, 1.5, 100.0][incarnation])
    found = _collector(backend).collect("θ", 0, 4)
    assert [a.request.incarnation for a in found.answers] == [0, 1, 0, 0] or [
        a.request.incarnation for a in found.answers
    ] == [0, 1, 0, 1]
    assert found.workers == 3
    assert backend.broadcasts == 1


def test_one_worker_alone_is_synchronous() -> None:
    backend = MadeUp(1)
    collector = _collector(backend)
    for version in range(5):
        assert collector.collect("θ", version, 1).staleness == [0]


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_no_worker_owes_more_than_it_may(in_flight: int) -> None:
    backend = MadeUp(4, lambda incarnation: 1.0 + incarnation)
    collector = _collector(backend, in_flight=in_flight)
    taken = 0
    for version in range(20):
        taken += len(collector.collect("θ", version, 3).answers)
    assert taken == 60
    asked = [r.incarnation for r in backend.requests]
    open_now = len(asked) - taken
    assert open_now <= 4 * in_flight


def test_old_gradients_are_dropped_and_counted() -> None:
    slow = 3
    backend = MadeUp(4, lambda incarnation: 50.0 if incarnation == slow else 1.0)
    collector = _collector(backend, max_staleness=2)
    stale = 0
    for version in range(60):
        found = collector.collect("θ", version, 3)
        stale += found.stale
        assert max(found.staleness) <= 2
        assert slow not in [a.request.incarnation for a in found.answers]
    assert stale == 1  # 60 updates take 60 s, the slow one's first gradient 50


def test_groups_come_equally_often_though_workers_differ() -> None:
    backend = MadeUp(3, lambda incarnation: [1.0, 3.0, 7.0][incarnation])
    collector = _collector(backend, groups=3)
    counts = [0, 0, 0]
    for version in range(100):
        for answer in collector.collect("θ", version, 3).answers:
            counts[answer.request.group] += 1
    assert max(counts) - min(counts) <= 6


@pytest.mark.parametrize("room", [1, 2, 7])
def test_every_group_has_a_worker(room: int) -> None:
    collector = _collector(MadeUp(room), groups=5)
    seen = set()
    for version in range(30):
        seen |= {a.request.group for a in collector.collect("θ", version, 5).answers}
    assert seen == set(range(5))


def test_a_lost_worker_is_replaced_and_nothing_counts_twice() -> None:
    rng = random.Random(0)
    backend = MadeUp(4, lambda incarnation: rng.uniform(0.5, 2.0))
    warnings: list[str] = []
    collector = _collector(backend, warn=warnings.append, in_flight=2)
    counted, lost = [], 0
    for version in range(200):
        if version % 5 == 0:
            backend.dead.add(
                rng.choice([i for i in backend.begun if i not in backend.ended] or [0])
            )
        found = collector.collect("θ", version, 3)
        counted += _names(found.answers)
        lost += found.lost
        assert len(found.answers) == 3
    assert lost >= 20
    assert len(warnings) == lost
    assert len(set(counted)) == len(counted) == 600
    assert len(set(backend.begun)) == len(backend.begun)  # a name is never used again
    assert set(backend.ended) <= backend.dead


def test_a_silent_worker_is_given_up() -> None:
    backend = MadeUp(2)
    backend.silent = {1}
    warnings: list[str] = []
    collector = _collector(backend, worker_timeout=10.0, warn=warnings.append)
    for version in range(30):
        collector.collect("θ", version, 2)
    assert backend.ended == [1]
    assert "silent for 10 s" in warnings[0]
    assert backend.begun == [0, 1, 2]


def test_new_workers_are_admitted_and_fewer_are_borne() -> None:
    backend = MadeUp(1)
    collector = _collector(backend, most_workers=3)
    collector.collect("θ", 0, 5)
    backend.room = 10
    assert collector.collect("θ", 1, 20).workers == 3
    backend.room, backend.dead = 1, {1, 2}
    assert collector.collect("θ", 2, 20).workers == 1


def test_what_is_not_finite_is_reported_and_its_tasks_are_replaced() -> None:
    backend = MadeUp(2)
    backend.spoilt = {1}
    warnings: list[str] = []
    collector = _collector(backend, groups=1, warn=warnings.append)
    found = collector.collect("θ", 0, 2)
    assert found.not_finite == 1
    assert "worker 1" in warnings[0]
    collector.collect("θ", 1, 2)
    renewed = [r.renew for r in backend.requests if r.incarnation == 1]
    assert renewed[0] is False
    assert all(renewed[1:])


def test_when_no_worker_lives_long_enough_the_run_ends() -> None:
    backend = MadeUp(2)
    backend.dead = set(range(1000))
    with pytest.raises(RunError, match=r"last \d+ workers were lost .* killed"):
        _collector(backend, worker_timeout=60.0).collect("θ", 0, 1)
    assert 60.0 < backend.now < 70.0


def test_numbers_go_on_after_a_resume() -> None:
    backend = MadeUp(2)
    collector = _collector(backend)
    collector.next_incarnation = 7
    collector.collect("θ", 0, 1)
    assert backend.begun == [7, 8]
