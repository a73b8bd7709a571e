"""The predicted memory of an unroll against what the compiler reports."""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from metaplastic.base_model import initialise
from metaplastic.meta.estimators import PersistentEvolution, TruncatedBackprop
from metaplastic.meta.estimators.evolution import ParticleSettings
from metaplastic.meta.group import GroupState, Pool
from metaplastic.meta.memory import memory_line, predict_unroll_bytes
from metaplastic.meta.plan import Plan, draw_tasks
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.objectives import Ridge
from metaplastic.rules import make_rule
from metaplastic.tasks import Architecture, TaskConfig
from metaplastic.tasks.task import n_targets
from tests.meta.conftest import tiny_config

TASKS = TaskConfig(n_classes=5, examples_per_class=20, labels_per_class=10)


def _case(hidden: tuple[int, ...], batch: int, steps: int, *, rematerialise: bool, at_once: int):
    config = UnrollConfig(batch_size=batch, truncation=(steps, steps), rematerialise=rematerialise)
    estimator = TruncatedBackprop(config, TASKS.labels_per_class, Ridge(), 1.0, at_once)
    return estimator, Architecture(8, 1, hidden, 16)


def _group(rule, architecture: Architecture, n_tasks: int) -> GroupState:
    keys = jax.random.split(jax.random.key(0), n_tasks)
    phi = jax.vmap(lambda k: initialise(k, architecture.sizes))(keys)
    shape = (n_tasks, TASKS.n_classes, TASKS.examples_per_class)
    pool = Pool(jnp.ones((*shape, architecture.n_inputs)), jnp.ones((*shape, n_targets(TASKS))))
    zeros = jnp.zeros((n_tasks,), jnp.int32)
    return GroupState(phi, jax.vmap(rule.init)(phi), zeros, pool, keys, zeros, zeros)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "architecture"),
    [
        _case((), 128, 6, rematerialise=True, at_once=2),
        _case((32,), 128, 4, rematerialise=False, at_once=1),
    ],
    ids=["rematerialised, two at once", "not rematerialised"],
)
def test_within_30_percent_of_the_compiled_program(estimator, architecture) -> None:
    rule = make_rule("local", jax.random.key(0))
    theta, static = eqx.partition(rule, eqx.is_array)
    group = _group(rule, architecture, 2)

    def estimate(theta, group):
        length = jnp.array(estimator.lengths[1])
        return estimator.estimate(eqx.combine(theta, static), group, (), group.keys, length)

    memory = jax.jit(estimate).lower(theta, group).compile().memory_analysis()
    predicted = predict_unroll_bytes(rule, estimator, architecture, TASKS, 2)
    assert predicted == pytest.approx(memory.temp_size_in_bytes, rel=0.3)


def _strategy(batch: int = 64, pairs: int = 4, at_once: int = 1, steps: int = 3):
    config = UnrollConfig(batch_size=batch, truncation=(steps, steps))
    settings = ParticleSettings(pairs=pairs)
    return PersistentEvolution(config, 10, Ridge(), 1.0, at_once, settings=settings)


def test_particles_within_a_factor_of_two() -> None:
    rule, strategy = make_rule("hebbian", jax.random.key(0)), _strategy()
    architecture = Architecture(8, 1, (32,), 16)
    theta, static = eqx.partition(rule, eqx.is_array)
    group = _group(rule, architecture, 2)
    state = strategy.init(rule, group, group.keys)

    def estimate(theta, group, state):
        whole = eqx.combine(theta, static)
        return strategy.estimate(whole, group, state, group.keys, jnp.array(3))

    memory = jax.jit(estimate).lower(theta, group, state).compile().memory_analysis()
    taken = memory.temp_size_in_bytes + sum(a.nbytes for a in jax.tree.leaves(state))
    predicted = predict_unroll_bytes(rule, strategy, architecture, TASKS, 2)
    assert taken / 2 < predicted < 2 * taken
    # memory grows with the particles, not with the steps
    larger = predict_unroll_bytes(rule, _strategy(pairs=8), architecture, TASKS, 2)
    assert larger == pytest.approx(2 * predicted, rel=0.01)
    assert predict_unroll_bytes(rule, _strategy(steps=30), architecture, TASKS, 2) == predicted


@pytest.mark.slow
def test_grows_with_tasks_batch_and_steps() -> None:
    rule = make_rule("local", jax.random.key(0), hidden=4, error_channels=2, readout_channels=2)

    @functools.cache  # each trace takes seconds
    def predicted(
        batch: int = 16, steps: int = 2, n_tasks: int = 1, *, rematerialise: bool = False
    ):
        case = _case((8,), batch, steps, rematerialise=rematerialise, at_once=8)
        return predict_unroll_bytes(rule, *case, TASKS, n_tasks)

    assert predicted(n_tasks=3) == 3 * predicted()
    assert predicted(batch=64) > 2.5 * predicted()
    assert predicted(steps=8) > 3.5 * predicted()
    assert predicted(steps=8, rematerialise=True) < 0.7 * predicted(steps=8)


def test_the_line_names_the_largest_architecture() -> None:
    config = tiny_config(groups=2)
    small, large = Architecture(8, 1, (8,), 8), Architecture(8, 1, (16,), 8)
    rule = make_rule("hebbian", jax.random.key(0))
    line = memory_line(Plan(config, (), (large, small), draw_tasks(config)), rule)
    assert str(large) in line
    assert "MB" in line
