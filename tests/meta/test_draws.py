"""What an unroll draws from a task's pool: minibatches, with neighbours or without, and labelled
batches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.neighbors import NearestNeighbors

from metaplastic.meta.group import Pool
from metaplastic.meta.unroll import draw_labelled, draw_minibatch, nearest_examples

CLASSES, EXAMPLES, PER_CLASS = 3, 8, 4


def test_the_two_labelled_batches_share_no_example() -> None:
    inputs = jnp.arange(CLASSES * EXAMPLES, dtype=float).reshape(CLASSES, EXAMPLES, 1)
    fit, test = draw_labelled(Pool(inputs, inputs), PER_CLASS, jax.random.key(0))
    assert fit.inputs.shape == test.inputs.shape == (CLASSES * PER_CLASS, 1)
    assert not set(fit.inputs.ravel().tolist()) & set(test.inputs.ravel().tolist())
    classes = np.asarray(fit.inputs).ravel() // EXAMPLES
    assert classes.tolist() == sorted([*range(CLASSES)] * PER_CLASS)


def test_examples_kept_apart_are_only_in_the_labelled_batches() -> None:
    inputs = jnp.arange(CLASSES * 12, dtype=float).reshape(CLASSES, 12, 1)
    pool = Pool(inputs, inputs, apart=EXAMPLES)
    seen = draw_minibatch(pool, 500, jax.random.key(0)).ravel().tolist()
    fit, test = draw_labelled(pool, PER_CLASS, jax.random.key(0))
    labelled = fit.inputs.ravel().tolist() + test.inputs.ravel().tolist()
    assert set(seen) == set(inputs[:, : 12 - EXAMPLES].ravel().tolist())
    assert sorted(labelled) == inputs[:, 12 - EXAMPLES :].ravel().tolist()


def test_neighbours_come_into_the_minibatch_with_each_example_drawn() -> None:
    inputs = jax.random.normal(jax.random.key(1), (CLASSES, 12, 3))
    pool = Pool(inputs, inputs, apart=4)
    nearest = nearest_examples(pool, 3)
    seen = np.asarray(inputs[:, :8]).reshape(-1, 3)
    found = NearestNeighbors(n_neighbors=3).fit(seen).kneighbors(return_distance=False)
    np.testing.assert_array_equal(nearest, found)
    drawn = np.asarray(draw_minibatch(pool, 20, jax.random.key(0), nearest)).reshape(5, 4, 3)
    numbers = [[int(np.flatnonzero((seen == x).all(1))[0]) for x in row] for row in drawn]
    assert len({first for first, *_ in numbers}) > 1
    assert all(others == found[first].tolist() for first, *others in numbers)
