"""Rule `local` against an independent implementation, and its symmetries."""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaplastic.base_model import Phi, features, initialise
from metaplastic.errors import ConfigError
from metaplastic.objectives import make_objective
from metaplastic.rules import RuleState, make_rule
from metaplastic.rules.local.senses import SENSES
from metaplastic.rules.local.settings import SWITCHES
from metaplastic.rules.local.terms import TERMS

from .oracle import local_update

SIZES = (7, 6, 5, 4)
BATCH = 9
WIDTHS = {"hidden": 6, "error_channels": 3, "readout_channels": 2}


def _random_rule(seed: int, **settings):
    """Return a rule with all of θ drawn at random, including what starts at zero."""
    rule = make_rule("local", jax.random.key(seed), **WIDTHS, **settings)
    leaves, tree = jax.tree.flatten(eqx.filter(rule, eqx.is_inexact_array))
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    drawn = [a + 0.3 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    _, static = eqx.partition(rule, eqx.is_inexact_array)
    return eqx.combine(jax.tree.unflatten(tree, drawn), static)


@functools.partial(jax.jit, static_argnums=1)
def _problem(seed: int, backward: bool = False) -> tuple[Phi, jax.Array]:
    key, x_key, b_key = jax.random.split(jax.random.key(seed), 3)
    phi = initialise(key, SIZES, backward=backward)
    biases = tuple(
        0.3 * jax.random.normal(jax.random.fold_in(b_key, i), b.shape)
        for i, b in enumerate(phi.biases)
    )
    return phi.replaced(biases=biases), jax.random.normal(x_key, (BATCH, SIZES[0]))


@eqx.filter_jit
def _step(rule, phi, age, x):
    return rule.update(phi, RuleState(), x, age)[0]


@pytest.mark.parametrize("backward", ["tied", "separate"])
@pytest.mark.parametrize(
    ("age", "terms"),
    [
        (0, {}),
        (57, {}),
        (57, {"subspace": True}),
        (57, {"subspace": True, "resting_bias": True}),
    ],
    ids=["young", "old", "subspace", "resting"],
)
def test_agrees_with_an_independent_implementation(backward: str, age: int, terms: dict) -> None:
    rule = _random_rule(3, backward=backward, **terms)
    phi, x = _problem(4, backward == "separate")
    theta = {
        name: np.asarray(getattr(rule, name), np.float64)
        for name in rule.__dataclass_fields__
        if eqx.is_array(getattr(rule, name))
    }
    as64 = [[np.asarray(a, np.float64) for a in part] for part in (phi.weights, phi.biases)]
    v64 = [np.asarray(a, np.float64) for a in phi.backward]
    expected = local_update(theta, rule.settings, *as64, v64, age, np.asarray(x, np.float64))
    got = _step(rule, phi, jnp.array(age), x)
    for name, theirs in zip(("weights", "biases", "backward"), expected, strict=True):
        ours = getattr(got, name)
        assert len(ours) == len(theirs)
        for mine, other, before in zip(ours, theirs, getattr(phi, name), strict=True):
            np.testing.assert_allclose(mine, other, atol=2e-6)
            assert np.abs(other - np.asarray(before)).max() > 1e-3  # something was learned


def _permuted(phi: Phi, orders: list[np.ndarray]) -> Phi:
    """Return φ with the units of layer l in the order `orders[l]`."""

    def reorder(matrices):
        return tuple(w[orders[i]][:, orders[i + 1]] for i, w in enumerate(matrices))

    biases = tuple(b[orders[i + 1]] for i, b in enumerate(phi.biases))
    return phi.replaced(reorder(phi.weights), biases, reorder(phi.backward))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), backward=st.booleans())
def test_equivariant_to_units_and_invariant_to_examples(seed: int, backward: bool) -> None:
    rule = _random_rule(5, backward="separate" if backward else "tied")
    phi, x = _problem(seed, backward)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(n) for n in SIZES]
    expected = _permuted(_step(rule, phi, jnp.array(3), x), orders)
    moved = x[rng.permutation(BATCH)][:, orders[0]]
    got = _step(rule, _permuted(phi, orders), jnp.array(3), moved)
    for mine, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(mine, other, atol=3e-5)


@pytest.mark.slow
def test_the_meta_objective_is_invariant_to_the_order_of_units_with_every_part_on() -> None:
    """Permuting inputs, hidden units, features and examples leaves the loss after inner steps
    unchanged, for a rule with every part."""
    extra = tuple(
        name
        for name, part in (*SENSES.items(), *TERMS.items())
        if part.optional and name not in SWITCHES
    )
    rule = _random_rule(5, extra=extra, subspace=True, resting_bias=True)
    assert {s.name for s in rule.config.senses} >= set(SENSES.built_in)
    assert {t.name for t in rule.config.terms} >= set(TERMS.built_in)
    objective = make_objective("tuned-ridge")
    phi, x = _problem(11)
    rng = np.random.default_rng(11)
    orders = [rng.permutation(n) for n in SIZES]
    labelled = rng.standard_normal((2, 12, SIZES[0])).astype(np.float32)
    targets = np.tile(np.eye(3, dtype=np.float32) - 1 / 3, (4, 1))

    def loss(phi: Phi, order: np.ndarray, rows: np.ndarray) -> float:
        for age in (0, 1, 2):
            phi = _step(rule, phi, jnp.array(age), x[rows][:, order])
        u, u_test = (features(phi, jnp.asarray(batch[:, order])) for batch in labelled)
        return float(objective(u, jnp.asarray(targets), u_test, jnp.asarray(targets)))

    reference = loss(phi, np.arange(SIZES[0]), np.arange(BATCH))
    permuted = loss(_permuted(phi, orders), orders[0], rng.permutation(BATCH))
    assert permuted == pytest.approx(reference, abs=2e-3)
    other, _ = _problem(12)
    assert loss(other, np.arange(SIZES[0]), np.arange(BATCH)) != pytest.approx(reference, abs=2e-3)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), age=st.integers(0, 10**5))
def test_receptive_fields_turn_by_a_bounded_angle(seed: int, age: int) -> None:
    rule = _random_rule(5)
    phi, x = _problem(seed)
    got = _step(rule, phi, jnp.array(age), x)
    config = rule.settings
    stretch = 2 ** (1 / config["decay_power"]) - 1
    decay = (1 + stretch * age / config["half_life"]) ** -config["decay_power"]
    bound = config["inner_step"] * np.e * decay
    for old, new in zip(phi.weights, got.weights, strict=True):
        np.testing.assert_allclose(jnp.linalg.norm(new, axis=0), 1.0, atol=1e-5)
        chord = np.linalg.norm(np.asarray(new - old), axis=0)
        assert (2 * np.arcsin(chord / 2) <= np.arctan(bound) + 2e-4).all()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"backward": "sideways"}, "backward"),
        ({"hidden": 0}, "hidden"),
        ({"inner_step": -1.0}, "inner_step"),
        ({"depth": 3}, "depth"),
    ],
)
def test_wrong_settings_are_named(setting: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        make_rule("local", jax.random.key(0), **setting)
