"""Growing a rule: the updates stay the same at first, and the new units can learn."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import Phi, initialise
from metaplastic.errors import ConfigError
from metaplastic.rules import Rule, make_rule

SIZES = (7, 6, 5, 4)
FEW = (7, 5, 4)  # for tests that need no middle layer
SETTINGS = {"hidden": 4, "error_channels": 2, "readout_channels": 2}


def _drawn(rule: Rule, seed: int) -> Rule:
    """Perturb all of θ at random, including the arrays that start at zero."""
    keys = iter(jax.random.split(jax.random.key(seed), 100))
    return jax.tree.map(lambda a: a + 0.3 * jax.random.normal(next(keys), a.shape), rule)


def _learn(rule: Rule, sizes: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """Return the sum of the cubes of φ after two inner steps, and φ itself, flattened."""
    phi = initialise(jax.random.key(2), sizes)
    x = jax.random.normal(jax.random.key(0), (2, 9, sizes[0]))
    # a scan compiles the step only once
    phi = jax.lax.scan(
        lambda c, at: (rule.update(*c, *at), None), (phi, rule.init(phi)), (x, jnp.arange(len(x)))
    )[0][0]
    flat = jnp.concatenate([a.ravel() for a in jax.tree.leaves(phi)])
    return jnp.sum(flat**3), flat


# one program gives φ and the gradient, since half of the time is compilation
_gradient = jax.jit(jax.value_and_grad(_learn, has_aux=True), static_argnums=1)


@functools.partial(jax.jit, static_argnums=1)
def _weights(rule: Rule, sizes: tuple[int, ...] = FEW) -> jax.Array:
    return _learn(rule, sizes)[1]


@pytest.mark.slow
def test_a_widened_rule_makes_the_same_updates_and_its_new_units_learn() -> None:
    small = _drawn(make_rule("local", jax.random.key(0), **SETTINGS), 1)
    fresh = make_rule("local", jax.random.key(3), **{**SETTINGS, "hidden": 7})
    wide = small.grow(fresh)
    assert wide.settings == fresh.settings
    (_, after), gradient = _gradient(wide, FEW)
    np.testing.assert_allclose(after, _weights(small), atol=2e-6)
    (_, other), _ = _gradient(fresh, FEW)
    assert float(jnp.max(jnp.abs(other - _weights(small)))) > 1e-2

    for name in ("w_readout", "w_hidden", "w_pooled", "w_layer"):
        assert float(jnp.max(jnp.abs(getattr(gradient, name)[4:]))) > 0.0, name


def test_a_rule_given_the_subspace_term_makes_the_same_updates_if_its_weight_is_zero() -> None:
    plain = _drawn(make_rule("local", jax.random.key(0), **SETTINGS), 1)
    fresh = make_rule("local", jax.random.key(3), **SETTINGS, subspace=True)
    grown = plain.grow(fresh)
    assert grown.settings == fresh.settings
    np.testing.assert_array_equal(grown.term_weights[:, 3], [0.0, 0.0, 1.0])
    without = dataclasses.replace(grown, term_weights=grown.term_weights.at[:, 3].set(0.0))
    np.testing.assert_allclose(_weights(without), _weights(plain), atol=2e-6)
    assert float(jnp.max(jnp.abs(_weights(grown) - _weights(plain)))) > 1e-3
    with pytest.raises(ConfigError, match="subspace = true"):
        grown.grow(make_rule("local", jax.random.key(3), **SETTINGS))


@jax.jit
def _first_step(rule: Rule) -> Phi:
    phi = initialise(jax.random.key(2), SIZES)
    x = jax.random.normal(jax.random.key(0), (9, SIZES[0]))
    return rule.update(phi, rule.init(phi), x, jnp.array(0))[0]


@pytest.mark.slow
def test_a_rule_given_resting_biases_starts_with_middle_layers_like_the_top_one() -> None:
    plain = _drawn(make_rule("local", jax.random.key(0), **SETTINGS, subspace=True), 1)
    fresh = make_rule("local", jax.random.key(3), **SETTINGS, subspace=True, resting_bias=True)
    grown = plain.grow(fresh)
    assert grown.settings == fresh.settings
    np.testing.assert_array_equal(grown.term_weights[1], plain.term_weights[2])
    # the first and the top layers keep their term weights
    before, after = _first_step(plain), _first_step(grown)
    for layer in (0, -1):
        np.testing.assert_allclose(after.weights[layer], before.weights[layer], atol=2e-6)
    assert float(jnp.max(jnp.abs(after.weights[1] - before.weights[1]))) > 1e-4
    assert float(jnp.mean(after.biases[1] - before.biases[1])) > 0.02

    _, gradient = _gradient(grown, SIZES)
    assert float(jnp.min(jnp.abs(gradient.resting_bias))) > 0.0
    assert float(jnp.max(jnp.abs(gradient.w_statistics[-1]))) > 0.0  # whether its layer is first


def test_growing_to_identical_settings_returns_the_rule_itself() -> None:
    rule = make_rule("local", jax.random.key(0), **SETTINGS)
    assert rule.grow(make_rule("local", jax.random.key(1), **SETTINGS)) is rule


@pytest.mark.parametrize(
    "fresh",
    [
        make_rule("local", jax.random.key(0), **{**SETTINGS, "hidden": 3}),
        make_rule("local", jax.random.key(0), **{**SETTINGS, "hidden": 8, "inner_step": 0.05}),
        make_rule("local", jax.random.key(0), **{**SETTINGS, "error_channels": 3}),
        make_rule("hebbian", jax.random.key(0)),
    ],
    ids=["narrower", "other setting", "other channels", "other kind"],
)
def test_nothing_else_may_differ(fresh: Rule) -> None:
    rule = make_rule("local", jax.random.key(0), **SETTINGS)
    with pytest.raises(
        ConfigError,
        match="larger hidden, subspace = true, resting_bias = true or additional parts",
    ):
        rule.grow(fresh)
