"""Evaluation in blocks of cells gives the values and derivatives of evaluation as a whole."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic import inner_loop, load_rule
from metaplastic.rules.local import blockwise
from metaplastic.rules.local.blockwise import Blocks, blocks_of, map_cells, mean_of_cells


def layer(matrix, planes):
    flat = matrix.T @ planes.reshape(len(planes), -1)
    return jax.nn.relu(flat).reshape(-1, *planes.shape[1:])


def random_layer(cells, units=7):
    matrix, planes = jax.random.split(jax.random.key(0))
    return jax.random.normal(matrix, (3, 5)), jax.random.normal(planes, (3, cells, units))


@pytest.mark.parametrize("blocks", [Blocks(4, 3, 0), Blocks(5, 2, 2), Blocks(12, 1, 0)])
def test_values_and_derivatives(blocks):
    matrix, planes = random_layer(12)
    weight = jax.random.normal(jax.random.key(1), (5, 12, 7))

    def whole(matrix, planes):
        out = layer(matrix, planes)
        return jnp.sum(weight * out) + jnp.sum(weight[:, 0] * jnp.mean(out, axis=1) ** 2)

    def in_blocks(matrix, planes):
        out = map_cells(layer, blocks, matrix, planes)
        mean = mean_of_cells(layer, blocks, matrix, planes)
        return jnp.sum(weight * out) + jnp.sum(weight[:, 0] * mean**2)

    expected = jax.value_and_grad(whole, argnums=(0, 1))(matrix, planes)
    actual = jax.jit(jax.value_and_grad(in_blocks, argnums=(0, 1)))(matrix, planes)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), expected, actual
    )


def test_several_networks_at_once():
    matrix, planes = random_layer(12)
    matrices = jnp.stack([matrix, -matrix])

    def in_blocks(matrix):
        blocks = Blocks(5, 2, 2)
        out = map_cells(layer, blocks, matrix, planes)
        return jnp.sum(out**2) + jnp.sum(mean_of_cells(layer, blocks, matrix, planes))

    each = [jax.value_and_grad(in_blocks)(matrix) for matrix in matrices]
    both = jax.vmap(jax.value_and_grad(in_blocks))(matrices)
    for i, one in enumerate(each):
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-5), both, one)


@pytest.mark.parametrize(("cells", "units"), [(256, 784), (257, 300), (64, 10_000), (100_000, 8)])
def test_blocks_cover_all_cells_and_fit_in_the_cache(cells, units):
    blocks = blocks_of(cells, units)
    assert blocks is not None
    assert blocks.size * blocks.number + blocks.rest == cells
    assert blocks.rest < blocks.size
    assert blocks.size == 1 or blocks.size * units <= blockwise.CACHED


def test_small_arrays_are_left_whole():
    assert blocks_of(64, 784) is None  # the shapes of the shipped rule's meta-training


def test_the_shipped_rules_step_is_the_same_in_blocks(monkeypatch):
    rule = load_rule("default")
    phi, state = inner_loop.begin(rule, jax.random.key(0), [30, 12, 8])
    x = np.random.default_rng(0).normal(size=(50, 30)).astype(np.float32)

    def step():
        # a new function each time, as compiled ones are kept
        return eqx.filter_jit(lambda x: inner_loop.step(rule, phi, state, x, jnp.array(3))[0])(x)

    whole = step()
    monkeypatch.setattr(blockwise, "LARGE", 1)
    monkeypatch.setattr(blockwise, "CACHED", 120)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), whole, step())
