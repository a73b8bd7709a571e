"""The programs of meta-training and of the inner loop lower for GPUs, even if there is none.

Lowering produces the input of XLA (`jax.export`): an operation without a GPU kernel, or a callback
to the host, fails here. Nothing is run.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import export

from metaplastic import inner_loop
from metaplastic.meta.engines.local import LocalEngine
from metaplastic.meta.plan import make_plan
from metaplastic.rules import make_rule

from .conftest import tiny_config

PLATFORMS = ("cuda", "rocm")


def lowered(program: Any, *arguments: Any) -> str:
    return str(export.export(program, platforms=PLATFORMS)(*arguments).mlir_module())


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["late", "pes"])
def test_the_meta_gradient_lowers_for_gpus(estimator: str) -> None:
    config = tiny_config(estimator=estimator)
    plan = make_plan(config)
    streams = plan.streams()
    engine = LocalEngine(streams, plan.estimator(), 2, seed=0, devices=jax.local_devices()[:1])
    rule = make_rule(config.rule.name, jax.random.key(0), **config.rule.settings)
    engine.start(rule)
    module = lowered(engine._program(0, rule), *engine._arguments(0, rule, 1, 4))
    assert module.count("stablehlo.dot_general") > 10


@pytest.mark.parametrize("name", ["local", "hebbian"])
def test_an_inner_step_lowers_for_gpus(name: str) -> None:
    rule = make_rule(name, jax.random.key(0))
    phi, state = inner_loop.begin(rule, jax.random.key(1), (16, 12, 12, 8))
    program = jax.jit(lambda phi, state, x, t: inner_loop.step(rule, phi, state, x, t))
    module = lowered(program, phi, state, jnp.ones((16, 16)), jnp.int32(3))
    assert "stablehlo.dot_general" in module
