"""Features as meta-objectives read them: the same as in the encoder, and differentiable."""

from __future__ import annotations

from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import features, forward, initialise
from metaplastic.blocks import Blocks
from metaplastic.meta.group import Pool
from metaplastic.meta.reading import read_layers, read_objective, read_pool, side_by_side
from metaplastic.objectives import Layers, make_objective

PHI = initialise(jax.random.key(0), (6, 5, 4))
X = 3.0 * jax.random.normal(jax.random.key(1), (40, 6)) + 1.0


def test_layers_side_by_side_are_the_encoders_blocks() -> None:
    blocks = [np.asarray(x) for x in forward(PHI, X).x]
    for layers, chosen in (("inputs-and-all", blocks), ("all", blocks[1:])):
        expected = Blocks.fit(chosen).apply(chosen)
        np.testing.assert_allclose(read_layers(PHI, X, layers), expected, atol=1e-4)
    np.testing.assert_array_equal(read_layers(PHI, X, "last"), features(PHI, X))


def test_a_constant_block_and_its_gradient_are_zero() -> None:
    def total(block: jax.Array) -> jax.Array:
        return jnp.sum(side_by_side([X, block]) ** 2)

    constant = jnp.full((40, 3), 2.0)
    assert float(jnp.abs(side_by_side([X, constant])[:, 6:]).max()) == 0.0
    assert float(jnp.abs(jax.grad(total)(constant)).max()) < 1e-6


def test_reading_a_pool_keeps_its_order() -> None:
    pool = Pool(X.reshape(4, 10, 6), jnp.zeros((4, 10, 2)), 3)
    read = read_pool(PHI, pool, "inputs-and-all")
    assert read.apart == 3
    assert read.inputs.shape == (4, 10, 15)
    np.testing.assert_array_equal(
        read.inputs.reshape(40, 15), read_layers(PHI, X, "inputs-and-all")
    )


@pytest.mark.parametrize("layers", get_args(Layers))
def test_the_objective_is_differentiable_in_phi(layers: Layers) -> None:
    y = jnp.tile(jnp.eye(2) - 0.5, (5, 1))
    fit, test = Pool(X[:10], y), Pool(X[10:20], y)
    objective = make_objective("ridge", layers=layers)
    smooth = initialise(jax.random.key(0), (6, 5, 4), "tanh")

    @jax.jit
    def loss(phi):
        return read_objective(phi, fit, test, objective, 2, X[20:])

    gradient = jax.grad(loss)(smooth)
    direction = jax.tree.map(lambda a: jax.random.normal(jax.random.key(a.size), a.shape), gradient)
    along = [
        loss(jax.tree.map(lambda a, d, t=t: a + t * d, smooth, direction)) for t in (3e-3, -3e-3)
    ]
    numeric = float(along[0] - along[1]) / 6e-3
    analytic = sum(
        float(jnp.sum(g * d))
        for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    )
    assert analytic == pytest.approx(numeric, rel=0.03, abs=2e-3)


def test_with_one_label_per_class_statistics_are_of_unlabelled_rows() -> None:
    """With their own statistics, any two examples would differ equally in every unit."""
    y = jnp.eye(2) - 0.5
    objective = make_objective("ridge", layers="inputs-and-all")
    fit, test = Pool(X[:2], y), Pool(X[2:4], y)
    read = read_layers(PHI, jnp.concatenate([X[:4], X[4:]]), "inputs-and-all")
    expected = objective(read[:2], y, read[2:4], y, 2)
    got = read_objective(PHI, fit, test, objective, 2, X[4:])
    assert float(got) == pytest.approx(float(expected), rel=1e-5)
