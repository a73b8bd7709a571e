"""Groups redrawn during a run: the same on every engine, and resumed bit for bit."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from metaplastic.errors import ConfigError
from metaplastic.meta.config import MetaTrainConfig
from metaplastic.meta.engines import LocalEngine
from metaplastic.meta.engines.backend import Request
from metaplastic.meta.engines.mesh import MeshEngine
from metaplastic.meta.engines.ray_worker import Worker
from metaplastic.meta.plan import Plan, make_plan
from metaplastic.meta.run.run_dir import RunDir
from metaplastic.meta.run.trainer import Trainer
from metaplastic.rules import Rule, make_rule

from .conftest import hebbian_config

EVERY = 2
LAST = "checkpoints/step-000000005.safetensors"


def config_of(**architectures: Any) -> MetaTrainConfig:
    """Two layers, the lower one with another width in each draw."""
    space = {"units": [4, 6, 8, 10, 12], "redraw": EVERY, **architectures}
    tasks = {"architectures": space, "n_classes": [3, 6]}
    ends = {"validation": {"every": 100, "tasks": 1}, "optimizer": {"meta_steps": 5}}
    return hebbian_config(tasks=tasks, unroll={"horizon": [3, 6]}, estimator="truncated", **ends)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(config_of())


@pytest.fixture(scope="module")
def rule() -> Rule:
    return make_rule("hebbian", jax.random.key(0))


def bytes_of(tree: Any) -> bytes:
    return b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree))


def test_groups_depend_only_on_the_seed_and_the_meta_step(plan: Plan) -> None:
    assert plan.at(0) is plan.at(1) is plan
    later = plan.at(EVERY)
    assert later.architectures == make_plan(config_of()).at(EVERY + 1).architectures
    assert later.at(7 * EVERY) == plan.at(7 * EVERY)
    assert later.at(1).architectures == plan.architectures
    drawn = {plan.at(EVERY * i).architectures for i in range(20)}
    assert len(drawn) == 5
    assert len({plan.at(EVERY * i).tasks[0].n_classes for i in range(20)}) > 1
    keys = {bytes_of(jax.random.key_data(plan.at(EVERY * i).stream(0).key(0, 0))) for i in range(9)}
    assert len(keys) == 9  # no draw repeats the tasks of another


def test_without_redrawing_groups_stay_the_same() -> None:
    plan = make_plan(config_of(redraw=0))
    assert plan.at(10_000) is plan


def test_groups_that_no_source_fits_are_an_error(plan: Plan) -> None:
    with pytest.raises(ConfigError, match="no source fits the groups redrawn at meta-step 4"):
        Plan(plan.config, (), plan.architectures, plan.tasks).at(4)


def train(path: Path, until: int | None = None) -> Trainer:
    """Resume the run at `path`, or create one."""
    resumed = path.exists()
    run = RunDir.resume(path, None) if resumed else RunDir.create(path, config_of())
    try:
        trainer = Trainer(run)
        trainer.train(until=until)
    finally:
        run.close()
    return trainer


@pytest.mark.slow
def test_a_run_resumed_after_and_between_draws_is_as_if_it_had_never_stopped(
    tmp_path: Path, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "metaplastic"):
        whole = train(tmp_path / "whole")
    assert sum("groups redrawn" in line for line in caplog.messages) == 2
    assert whole.architectures == plan.at(5).architectures
    for stop in (EVERY, EVERY + 1, None):
        cut = train(tmp_path / "cut", stop)
    assert cut.architectures == whole.architectures
    for file in (LAST, "rule.safetensors"):
        one, other = (load_file(tmp_path / name / file) for name in ("whole", "cut"))
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


class Alone:
    """A cluster of one process that records its announcements."""

    index, count, leads = 0, 1, True

    def __init__(self) -> None:
        self.announced: list[dict[str, Any]] = []

    def announce(self, message: dict[str, Any]) -> None:
        self.announced.append(message)

    def meet(self) -> None:
        pass

    def sum(self, array: Any) -> Any:
        return array

    def join_parts(self, parts: Any) -> Any:
        return jax.tree.map(np.asarray, parts)

    def from_leader(self, tree: Any) -> Any:
        return tree


@pytest.mark.slow
def test_a_mesh_draws_what_one_process_draws(plan: Plan, rule: Rule) -> None:
    local = LocalEngine.of(plan, 2)
    cluster: Any = Alone()
    mesh = MeshEngine(LocalEngine.of(plan, 2), cluster, 2)
    local.start(rule)
    mesh.start(rule)
    for meta_step in range(EVERY + 1):
        expected, got = local.gather(rule, meta_step), mesh.gather(rule, meta_step)
        assert got.loss == expected.loss
        assert got.begun == expected.begun
        assert meta_step != EVERY - 1 or got.begun == 2
    assert bytes_of(mesh.state()) == bytes_of(local.state())
    state = local.state()
    mesh.start(rule, EVERY + 1)  # as a resumed run does
    mesh.restore(rule, state)
    assert {"do": "start", "meta_step": EVERY + 1} in cluster.announced
    assert mesh.gather(rule, EVERY + 1).loss == local.gather(rule, EVERY + 1).loss


@pytest.mark.slow
def test_a_worker_starts_the_groups_of_the_requested_meta_step(plan: Plan, rule: Rule) -> None:
    theta, _ = eqx.partition(rule, eqx.is_array)
    worker = Worker(plan, 1, None, {})
    worker.gradient(theta, Request(1, 0, EVERY - 1, 0, False))
    gathered = worker.gradient(theta, Request(1, 1, EVERY, 0, False)).gathered
    later = plan.at(EVERY)
    engine = LocalEngine(
        [later.stream(0, incarnation=1)], later.estimator(), 2, seed=(plan.config.seed, 1, 0)
    )
    engine.start(rule, 1)
    assert gathered.loss == engine.gather(rule, 1).loss
    (group,) = worker._groups[0]._groups
    assert group.phi.weights[0].shape[1:] == later.architectures[0].sizes[:2]
