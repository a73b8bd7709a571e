"""What every gradient estimator passes."""

from __future__ import annotations

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from metaplastic.base_model import initialise
from metaplastic.meta.estimators import ESTIMATORS, Estimate, Estimator, FullBackprop
from metaplastic.meta.group import GroupState, Pool
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.objectives import Ridge
from metaplastic.rules import Rule, make_rule

STEPS, ESTIMATES = 3, 24


@functools.cache
def group() -> GroupState:
    """Two tasks at the start of their unrolls: clouds of points around three centres."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 3, 1, 6))
    inputs = centres + 0.5 * rng.normal(size=(2, 3, 8, 6))
    targets = np.broadcast_to((np.eye(3) - 1 / 3)[None, :, None], (2, 3, 8, 3))
    keys = jax.random.split(jax.random.key(0), 2)
    phi = jax.vmap(lambda key: initialise(key, (6, 5, 4), "tanh"))(keys)
    return GroupState(
        phi=phi,
        rule_state=jax.vmap(make_rule("hebbian", keys[0]).init)(phi),
        age=jnp.zeros((2,), jnp.int32),
        pool=Pool(jnp.asarray(inputs, jnp.float32), jnp.asarray(targets, jnp.float32)),
        keys=keys,
        horizon=jnp.full((2,), STEPS),
        serial=jnp.zeros((2,), jnp.int32),
    )


def estimate(kind: type[Estimator], key: jax.Array) -> Estimate:
    """The first estimate of an unroll that is done in one stretch."""
    config = UnrollConfig(batch_size=8, truncation=(STEPS, STEPS), horizon=(STEPS, STEPS))
    estimator = kind(config, 4, Ridge(), 1e9, settings=kind.Settings())
    rule = make_rule("hebbian", jax.random.key(1), half_life=10.0)
    return first_estimate(estimator, rule, group(), jax.random.split(key, 2))


@eqx.filter_jit
def first_estimate(
    estimator: Estimator, rule: Rule, group: GroupState, keys: jax.Array
) -> Estimate:
    state = estimator.init(rule, group, keys)
    return estimator.estimate(rule, group, state, keys, jnp.array(STEPS))


@functools.cache
def full_gradient() -> Estimate:
    return estimate(FullBackprop, jax.random.key(0))


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_gives_the_full_gradient_in_expectation(name: str) -> None:
    """Over an unroll of one stretch, where none is biased: the mean over estimates is within four
    of its standard errors of backpropagation's gradient, which draws nothing."""
    found = [estimate(ESTIMATORS[name], key) for key in jax.random.split(jax.random.key(9), 2)]
    spread = np.std([flat(e.gradient) for e in found], axis=0)
    if np.any(spread > 0):
        keys = jax.random.split(jax.random.key(10), ESTIMATES)
        found += [estimate(ESTIMATORS[name], key) for key in keys]
    drawn = np.array([flat(e.gradient) for e in found])
    error = drawn.std(axis=0) / len(drawn) ** 0.5
    wanted = flat(full_gradient().gradient)
    assert np.all(np.abs(drawn.mean(axis=0) - wanted) <= 4 * error + 1e-3 * np.abs(wanted))
    for each in found:
        assert each.loss.shape == each.norm.shape == (2,)
        assert bool(each.finite.all())
        assert each.group.age.tolist() == [STEPS, STEPS]
    assert ESTIMATORS[name].lengths.fget is not None


def flat(tree: Any) -> NDArray[np.float64]:
    return np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in jax.tree.leaves(tree)])
