"""The policy of asynchronous gradients, with fake workers and a simulated clock."""

from __future__ import annotations

import random

import pytest

from metaplastic.errors import RunError
from metaplastic.meta.engines.asynchronous import Collector
from metaplastic.meta.engines.backend import Answer

from .made_up import MadeUp


def _collector(backend: MadeUp, groups: int = 2, **kwargs) -> Collector:
    settings = {"max_staleness": 8, "is_finite": lambda g: g.gradient is not None, **kwargs}
    return Collector(backend, groups, clock=lambda: backend.now, **settings)


def _names(answers: list[Answer]) -> list[tuple[int, int]]:
    return [a.request[:2] for a in answers]


def test_an_update_uses_the_first_gradients_to_arrive() -> None:
    backend = MadeUp(3, lambda incarnation: [1.0, 1.5, 100.0][incarnation])
    collected = _collector(backend).collect("θ", 0, 4)
    assert [a.request.incarnation for a in collected.answers] == [0, 1, 0, 0] or [
        a.request.incarnation for a in collected.answers
    ] == [0, 1, 0, 1]
    assert collected.workers == 3
    assert backend.broadcasts == 1


def test_a_single_worker_is_synchronous() -> None:
    backend = MadeUp(1)
    collector = _collector(backend)
    for version in range(5):
        assert collector.collect("θ", version, 1).staleness == [0]


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_workers_have_at_most_in_flight_open_requests(in_flight: int) -> None:
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
        collected = collector.collect("θ", version, 3)
        stale += collected.stale
        assert max(collected.staleness) <= 2
        assert slow not in [a.request.incarnation for a in collected.answers]
    assert stale == 1  # 60 updates take 60 s, the slow one's first gradient 50


def test_groups_are_equally_frequent_although_workers_differ() -> None:
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
        collected = collector.collect("θ", version, 3)
        counted += _names(collected.answers)
        lost += collected.lost
        assert len(collected.answers) == 3
    assert lost >= 20
    assert len(warnings) == lost
    assert len(set(counted)) == len(counted) == 600
    assert len(set(backend.begun)) == len(backend.begun)  # incarnations are never reused
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


def test_the_number_of_workers_follows_the_cluster() -> None:
    backend = MadeUp(1)
    collector = _collector(backend, most_workers=3)
    collector.collect("θ", 0, 5)
    backend.room = 10
    assert collector.collect("θ", 1, 20).workers == 3
    backend.room, backend.dead = 1, {1, 2}
    assert collector.collect("θ", 2, 20).workers == 1


def test_non_finite_gradients_are_reported_and_their_tasks_replaced() -> None:
    backend = MadeUp(2)
    backend.spoilt = {1}
    warnings: list[str] = []
    collector = _collector(backend, groups=1, warn=warnings.append)
    collected = collector.collect("θ", 0, 2)
    assert len(collected.answers) == 2
    assert len(warnings) == 1
    assert "worker 1" in warnings[0]
    collector.collect("θ", 1, 2)
    renewed = [r.renew for r in backend.requests if r.incarnation == 1]
    assert renewed[0] is False
    assert all(renewed[1:])


def test_the_run_ends_if_no_worker_survives() -> None:
    backend = MadeUp(2)
    backend.dead = set(range(1000))
    with pytest.raises(RunError, match=r"last \d+ workers were lost .* killed"):
        _collector(backend, worker_timeout=60.0).collect("θ", 0, 1)
    assert 60.0 < backend.now < 70.0


def test_incarnations_continue_after_a_resume() -> None:
    backend = MadeUp(2)
    collector = _collector(backend)
    collector.next_incarnation = 7
    collector.collect("θ", 0, 1)
    assert backend.begun == [7, 8]


def test_a_slow_worker_does_not_delay_the_others() -> None:
    """Four workers give as many gradients with a fifth one that is a hundred times slower."""
    rates = []
    for slow in (False, True):
        backend = MadeUp(4 + slow, lambda incarnation: 100.0 if incarnation == 4 else 1.0)
        collector = _collector(backend, groups=4)
        for version in range(200):
            collector.collect("θ", version, 4)
        rates.append(800 / backend.now)
    assert rates[1] == pytest.approx(rates[0], rel=0.02)


def test_groups_of_slow_workers_are_shared_with_a_fast_one() -> None:
    """Two workers have two groups each: otherwise, the slow one's groups would be 1 in 21."""
    backend = MadeUp(2, lambda incarnation: 20.0 if incarnation == 0 else 1.0)
    collector = _collector(backend, groups=4, max_staleness=100)
    counts = [0] * 4
    for version in range(200):
        for answer in collector.collect("θ", version, 4).answers:
            counts[answer.request.group] += 1
    assert min(counts) > 0.8 * 200
    asked = [{r.group for r in backend.requests if r.incarnation == i} for i in (0, 1)]
    assert len(asked[0]) == 2  # the slow one gets no other group
    assert len(asked[1]) == 4


def test_workers_of_similar_speed_keep_their_groups() -> None:
    backend = MadeUp(4, lambda incarnation: 1.0 + 0.2 * incarnation)
    collector = _collector(backend, groups=8)
    for version in range(100):
        collector.collect("θ", version, 8)
    for incarnation in range(4):
        assert len({r.group for r in backend.requests if r.incarnation == incarnation}) == 2


def test_a_worker_that_answered_while_the_trainer_was_busy_is_not_lost() -> None:
    """For example, if validation takes longer than `worker_timeout`."""
    backend = MadeUp(3)
    collector = _collector(backend, worker_timeout=10.0)
    collector.collect("θ", 0, 2)
    backend.now += 100.0
    assert collector.collect("θ", 1, 3).lost == 0
    assert backend.begun == [0, 1, 2]
