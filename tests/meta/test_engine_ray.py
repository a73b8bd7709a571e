"""Engine `ray` without Ray: its workers, called in this process."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

from metaplastic.errors import RunError
from metaplastic.meta.config import parse_config
from metaplastic.meta.engines import LocalEngine, RayEngine
from metaplastic.meta.engines.asynchronous import Collector
from metaplastic.meta.engines.averaging import is_finite
from metaplastic.meta.engines.backend import Answer, Request
from metaplastic.meta.engines.ray_worker import Worker
from metaplastic.meta.plan import Plan, make_plan
from metaplastic.rules import make_rule

from .conftest import TINY

RULE = {"name": "hebbian", "settings": {}}


class Here:
    """Workers as plain objects; a gradient is ready as soon as it is requested."""

    def __init__(self, plan: Plan, room: int) -> None:
        self._plan, self._room = plan, room
        self.answers: list[Answer] = []
        self.workers: dict[int, Worker] = {}

    def capacity(self) -> int:
        return self._room

    def begin(self, incarnation: int) -> Worker:
        self.workers[incarnation] = Worker(self._plan, incarnation, None, {})
        return self.workers[incarnation]

    def end(self, handle: Worker, *, lost: bool = False) -> None:
        pass

    def broadcast(self, theta: Any) -> Any:
        return theta

    def ask(self, handle: Worker, theta: Any, request: Request) -> int:
        self.answers.append(handle.gradient(theta, request))
        return len(self.answers) - 1

    def wait(self, tickets: list[int], seconds: float) -> list[int]:
        return tickets

    def answer(self, ticket: int) -> Answer:
        return self.answers[ticket]

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(parse_config({**TINY, "rule": RULE}))


def _engine(plan: Plan, room: int, wanted: int) -> tuple[RayEngine, Here]:
    backend = Here(plan, room)
    collector = Collector(backend, plan.config.groups, max_staleness=8, is_finite=is_finite)
    return RayEngine(backend, collector, wanted), backend


def _rule():
    return make_rule("hebbian", jax.random.key(0))


def test_a_step_averages_the_gradients_of_its_workers(plan: Plan) -> None:
    engine, backend = _engine(plan, room=2, wanted=2)
    gathered = engine.gather(_rule(), 0)
    sent = [a.gathered for a in backend.answers[:2]]
    assert gathered.more["gradients"] == [[0, 0], [1, 0]]
    assert gathered.loss == pytest.approx(np.mean([g.loss for g in sent]))
    assert gathered.truncations == 4
    for mean, one, two in zip(
        *(jax.tree.leaves(g) for g in (gathered.gradient, sent[0].gradient, sent[1].gradient)),
        strict=True,
    ):
        np.testing.assert_allclose(mean, (one + two) / 2, rtol=1e-6)


def test_no_two_incarnations_share_a_task_and_renewed_ones_are_new(plan: Plan) -> None:
    theta, _ = eqx.partition(_rule(), eqx.is_array)
    seen = []
    for incarnation in (0, 1):
        worker = Worker(plan, incarnation, None, {})
        for sequence, renew in enumerate((False, True)):
            worker.gradient(theta, Request(incarnation, sequence, 0, 0, renew))
            (group,) = worker._groups[0]._groups
            seen += [np.asarray(pool).tobytes() for pool in group.pool.inputs]
    assert len(set(seen)) == len(seen) == 8


def test_a_resumed_engine_starts_new_incarnations(plan: Plan) -> None:
    engine, backend = _engine(plan, room=2, wanted=2)
    engine.gather(_rule(), 0)
    again, later = _engine(plan, room=1, wanted=1)
    again.restore(_rule(), engine.state())
    again.gather(_rule(), 1)
    assert set(backend.workers) == {0, 1}
    assert set(later.workers) == {2}


def test_workers_keep_the_estimators_state_between_gradients(plan: Plan) -> None:
    """As in engine `local`, with the worker's own seed and tasks."""
    pes = {"estimator": {"name": "pes", "settings": {"pairs": 2}}}
    config = parse_config({**TINY, "rule": RULE, **pes})
    plan = Plan(config, plan.sources, plan.architectures, plan.tasks)
    theta, _ = eqx.partition(_rule(), eqx.is_array)
    worker = Worker(plan, 1, None, {})
    stream = plan.stream(0, incarnation=1)
    engine = LocalEngine([stream], plan.estimator(), 2, seed=(config.seed, 1, 0))
    engine.start(_rule())
    xi = []
    for sequence, renew in enumerate((False, False, True)):
        gathered = worker.gradient(theta, Request(1, sequence, 0, 0, renew)).gathered
        if renew:
            engine.renew(_rule(), sequence)
        expected = engine.gather(_rule(), sequence)
        assert gathered.loss == expected.loss
        for a, b in zip(*map(jax.tree.leaves, (gathered.gradient, expected.gradient)), strict=True):
            np.testing.assert_array_equal(a, b)
        xi.append(np.asarray(worker._groups[0]._states[0].xi.subspace))
    assert (xi[0] != xi[1]).all()


def test_an_address_without_a_cluster_gives_a_one_line_error() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'metaplastic[ray]'")
    from metaplastic.meta.engines import EngineOptions
    from metaplastic.meta.engines.ray_backend import connect

    with pytest.raises(RunError, match="cannot use a Ray cluster at"):
        connect(EngineOptions(address="nowhere"))
