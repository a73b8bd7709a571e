"""What every update rule passes, with every part of it switched on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from metaplastic.base_model import Phi, initialise
from metaplastic.hub import RuleCard, load_card, load_rule, save_rule
from metaplastic.rules import RULES, Rule, make_rule
from metaplastic.rules.lateral import GROUP
from metaplastic.rules.local.senses import SENSES
from metaplastic.rules.local.settings import SWITCHES
from metaplastic.rules.local.terms import TERMS

SIZES = (7, 2 * GROUP, 5, 4)  # of layers, one of them wider than a group of units


BATCH = 9


# settings to test a rule with beside its defaults: every part switched on, and few hidden units
SMALL = {"hidden": 6, "error_channels": 3, "readout_channels": 2}


OPTIONAL = [
    name
    for parts in (SENSES, TERMS)
    for name, part in parts.items()
    if part.optional and name not in SWITCHES
]


PARTS: dict[str, dict[str, dict[str, Any]]] = {
    "local": {
        "tied": SMALL,
        "every part": {
            **SMALL,
            "backward": "separate",
            "subspace": True,
            "resting_bias": True,
            "extra": OPTIONAL,
        },
    },
}


VARIANTS = [
    pytest.param(name, settings, id=name if part == "defaults" else f"{name}, {part}")
    for name in RULES
    for part, settings in PARTS.get(name, {"defaults": {}}).items()
]


def drawn_rule(name: str, settings: dict[str, Any]) -> Rule:
    """A rule whose every parameter is drawn at random, those that start at zero too."""
    rule = make_rule(name, jax.random.key(3), **settings)
    theta, static = eqx.partition(rule, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(theta)
    keys = jax.random.split(jax.random.key(4), len(leaves))
    drawn = [a + 0.3 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(tree, drawn), static)


def reordered(phi: Phi, orders: list[NDArray[np.intp]]) -> Phi:
    """φ with the units of layer l in the order `orders[l]`."""

    def of(matrices: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        return tuple(w[orders[i]][:, orders[i + 1]] for i, w in enumerate(matrices))

    biases = tuple(b[orders[i + 1]] for i, b in enumerate(phi.biases))
    return phi.replaced(of(phi.weights), biases, of(phi.backward))


def orders_of(sizes: tuple[int, ...]) -> list[NDArray[np.intp]]:
    """A permutation of every layer; of a wide one, within its groups, and the groups change
    places: a rule may tell a group's units nothing of another's."""
    rng = np.random.default_rng(5)
    found = []
    for units in sizes:
        groups = np.arange(units).reshape(max(1, units // GROUP), -1)
        found.append(np.concatenate([rng.permutation(group) for group in groups[::-1]]))
    return found


@eqx.filter_jit
def stepped(rule: Rule, phi: Phi, x: jax.Array) -> tuple[Phi, Rule]:
    """For each task of a batch of φ and x: the next φ, and the gradient of a number made of it."""
    theta, static = eqx.partition(rule, eqx.is_inexact_array)

    def number(theta: Rule, phi: Phi, x: jax.Array) -> tuple[jax.Array, Phi]:
        own = eqx.combine(theta, static)
        after, _ = own.update(phi, own.init(phi), x, jnp.array(7))
        waves = [jnp.sum(jnp.sin(3 * a)) for a in jax.tree.leaves(after)]
        return sum(waves, start=jnp.zeros(())), after

    of_task = jax.vmap(jax.grad(number, has_aux=True), in_axes=(None, 0, 0))
    gradient, after = of_task(theta, phi, x)
    return after, gradient


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_a_rule_steps_over_tasks_is_differentiable_and_equivariant(
    name: str, settings: dict[str, Any]
) -> None:
    rule = drawn_rule(name, settings)
    phi = initialise(jax.random.key(0), SIZES, "tanh", backward=rule.needs_backward)
    x = jax.random.normal(jax.random.key(1), (BATCH, SIZES[0]))
    orders = orders_of(SIZES)
    both = jax.tree.map(lambda *a: jnp.stack(a), phi, reordered(phi, orders))
    after, gradient = stepped(rule, both, jnp.stack([x, x[::-1][:, orders[0]]]))

    first, second = (jax.tree.map(lambda a, i=i: a[i], after) for i in range(2))
    for before, now in zip(phi.weights, first.weights, strict=True):
        assert np.abs(now - before).max() > 1e-4  # something was learned
    assert all(np.isfinite(a).all() for a in jax.tree.leaves((after, gradient)))
    assert all(np.abs(a).max() > 0 for a in jax.tree.leaves(gradient))  # every part has a say
    # the units' order, and the examples', change nothing but the order
    for ours, theirs in zip(
        jax.tree.leaves(reordered(first, orders)), jax.tree.leaves(second), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_a_rule_comes_back_from_its_file_to_the_bit(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    rule = drawn_rule(name, settings)
    card = RuleCard(title="A rule", meta_steps=3, training_data=("glyphs",))
    save_rule(rule, tmp_path / "a.safetensors", card)
    loaded = load_rule(tmp_path / "a.safetensors")
    assert eqx.tree_equal(rule, loaded, typematch=True)
    assert loaded.settings == rule.settings
    assert load_card(tmp_path / "a.safetensors") == card
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
