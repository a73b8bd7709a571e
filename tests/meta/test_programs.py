"""Compiled programs shared by engines: one for each key, shape, dtype and precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from metaplastic.meta import memory
from metaplastic.meta.engines import LocalEngine, programs
from metaplastic.meta.plan import make_plan
from metaplastic.rules import make_rule

from .conftest import hebbian_config


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    programs.forget()
    yield
    programs.forget()


class Factory:
    """Makes functions to compile, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Any:
        self.count += 1
        return jax.jit(lambda x: 2 * x)


def one(key: Any, argument: Any, factory: Factory) -> Any:
    (program,) = programs.compiled([programs.Request(key, (argument,), factory)])
    return program


def test_a_program_is_compiled_once_for_its_key_shapes_and_precision() -> None:
    factory, x = Factory(), jnp.ones(3)
    first = one("a", x, factory)
    assert one("a", x + 1, factory) is first
    assert factory.count == 1
    others = [("b", x), ("a", jnp.ones(4)), ("a", jnp.ones(3, jnp.int32))]
    others.append(("a", jax.device_put(x, jax.devices()[1])))
    for key, argument in others:
        assert one(key, argument, factory) is not first
    with jax.default_matmul_precision("highest"):
        assert one("a", x, factory) is not first
    assert factory.count == 2 + len(others)


def test_several_programs_are_compiled_at_once_and_each_once() -> None:
    factory, x = Factory(), jnp.ones(3)
    first = one(0, x, factory)
    wanted = [(1, x), (0, x), (2, jnp.ones(5)), (1, x)]
    got = programs.compiled(programs.Request(key, (a,), factory) for key, a in wanted)
    assert factory.count == 3
    assert got[0] is got[3] is one(1, x, factory)
    assert got[1] is first
    assert got[2](jnp.ones(5)).shape == (5,)


def test_the_least_recently_used_program_is_released() -> None:
    factory, x = Factory(), jnp.ones(3)
    first = one(0, x, factory)
    for key in range(1, programs.MOST):
        one(key, x, factory)
    assert one(0, x, factory) is first
    one(programs.MOST, x, factory)
    assert one(0, x, factory) is first
    assert factory.count == programs.MOST + 1
    one(1, x, factory)
    assert factory.count == programs.MOST + 2


@pytest.mark.slow
def test_only_engines_with_equal_estimators_share_a_program() -> None:
    rule = make_rule("hebbian", jax.random.key(0))

    def loss(**unroll: Any) -> float:
        config = hebbian_config(estimator="truncated", unroll={"truncation": [2, 2], **unroll})
        engine = LocalEngine.of(make_plan(config), config.tasks_per_group)
        engine.start(rule)
        return engine.gather(rule, 0).loss

    first = loss()
    assert len(programs._programs) == 1
    assert loss() == first
    assert len(programs._programs) == 1
    assert loss(late_weight=3.0) != first
    assert len(programs._programs) == 2


def test_the_memory_of_a_shape_is_traced_once() -> None:
    plan = make_plan(hebbian_config())
    memory._residual_bytes.cache_clear()
    lines = [memory.memory_line(plan, make_rule("hebbian", jax.random.key(i))) for i in (0, 1)]
    assert lines[0] == lines[1]
    assert memory._residual_bytes.cache_info().hits == memory._residual_bytes.cache_info().misses
