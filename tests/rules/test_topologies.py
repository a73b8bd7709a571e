"""Rules on maps and residual layers: channels are neurons, positions count as examples."""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import (
    Conv,
    Dense,
    ModelSpec,
    Phi,
    initialise,
    residual_perceptron,
)
from metaplastic.rules import RULES, Rule, make_rule

WIDTHS = {"hidden": 4, "error_channels": 2, "readout_channels": 2}
LOCAL = {**WIDTHS, "subspace": True, "resting_bias": True}
MAPS = ModelSpec(
    inputs=(5, 5, 2),
    layers=(
        Conv(units=4, kernel=3, stride=2),
        Conv(units=4, kernel=3, skip=1),
        Dense(units=6, pool=2),
        Dense(units=3),
    ),
)


def _rule(name: str) -> Rule:
    rule = make_rule(name, jax.random.key(0), **(LOCAL if name == "local" else {}))
    keys = iter(jax.random.split(jax.random.key(1), 100))
    return jax.tree.map(lambda a: a + 0.3 * jax.random.normal(next(keys), a.shape), rule)


@eqx.filter_jit
def _step(rule: Rule, phi: Phi, x: jax.Array) -> Phi:
    return rule.update(phi, rule.init(phi), x, jnp.array(3))[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_a_one_by_one_convolution_learns_like_a_dense_layer_on_its_positions(name: str) -> None:
    """With kernel 1 on maps (B, 2, 2, N), the update is that of a perceptron on 4 B examples."""
    rule = _rule(name)
    dense = initialise(jax.random.key(2), (3, 5, 4))
    layers = (Conv(units=5, kernel=1), Conv(units=4, kernel=1))
    maps = initialise(jax.random.key(3), ModelSpec(inputs=(2, 2, 3), layers=layers))
    maps = maps.replaced(dense.weights, dense.biases)
    x = jax.random.normal(jax.random.key(4), (6, 12))
    on_maps, on_rows = _step(rule, maps, x), _step(rule, dense, x.reshape(24, 3))
    for mine, other, before in zip(on_maps.weights, on_rows.weights, dense.weights, strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)
        assert float(jnp.max(jnp.abs(mine - before))) > 1e-3
    for mine, other in zip(on_maps.biases, on_rows.biases, strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)


@functools.cache
def _on_maps(name: str) -> tuple[Rule, Phi, jax.Array]:
    phi = initialise(jax.random.key(5), MAPS)
    return _rule(name), phi, jax.random.normal(jax.random.key(6), (8, 50))


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_equivariant_to_channels_and_invariant_to_examples(name: str) -> None:
    rule, phi, x = _on_maps(name)
    order = np.array([2, 0, 3, 1])  # of the first two layers, which a residual connection ties

    def reordered(phi: Phi) -> Phi:
        first, second, third, top = phi.weights
        return phi.replaced(
            (
                first[:, order],
                second.reshape(9, 4, 4)[:, order][:, :, order].reshape(36, 4),
                third.reshape(4, 4, 6)[:, order].reshape(16, 6),
                top,
            ),
            (phi.biases[0][order], phi.biases[1][order], *phi.biases[2:]),
        )

    got = _step(rule, reordered(phi), x[::-1])
    expected = reordered(_step(rule, phi, x))
    for mine, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(mine, other, atol=3e-5)


@pytest.mark.parametrize("name", RULES)
def test_every_layer_of_a_map_learns_and_stays_at_unit_norm(name: str) -> None:
    rule, phi, x = _on_maps(name)
    after = _step(rule, phi, x)
    for old, new in zip(phi.weights, after.weights, strict=True):
        assert float(jnp.max(jnp.abs(new - old))) > 1e-3
        np.testing.assert_allclose(jnp.linalg.norm(new, axis=0), 1.0, atol=1e-5)


@pytest.mark.slow
def test_errors_are_sent_down_a_residual_connection() -> None:
    """If the weights that read a layer are zero, errors reach it along the skip only; without the
    skip too, its neurons sense no error at all."""
    rule = _rule("local")
    x = jax.random.normal(jax.random.key(8), (9, 6))

    def first_change(blocks_skip: int) -> jax.Array:
        spec = residual_perceptron(6, 5, 1, 3)
        middle = spec.layers[1].model_copy(update={"skip": blocks_skip})
        spec = spec.model_copy(update={"layers": (spec.layers[0], middle, spec.layers[2])})
        phi = initialise(jax.random.key(7), spec)
        cut = phi.replaced((phi.weights[0], 0.0 * phi.weights[1], phi.weights[2]))
        silent = eqx.tree_at(lambda r: r.w_top, rule, 0.0 * rule.w_top)
        return _step(rule, cut, x).weights[0] - _step(silent, cut, x).weights[0]

    assert float(jnp.max(jnp.abs(first_change(1)))) > 1e-4
    assert float(jnp.max(jnp.abs(first_change(0)))) < 1e-7
