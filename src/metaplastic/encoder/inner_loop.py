"""The inner loop on minibatches that come from the host, one compiled program per shape.

The step itself and the draws are those of `metaplastic.inner_loop`. The compiled functions are at
module level and take θ, φ and the rule's state as arguments, so a second fit of the same shapes,
with any θ, compiles nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import NDArray

from metaplastic import inner_loop
from metaplastic.base_model import (
    Connection,
    Layer,
    ModelSpec,
    Phi,
    Shape,
    layer_keys,
    random_layer,
)
from metaplastic.compilation import quick_jit, quickest_jit
from metaplastic.forks import refuse_after_fork
from metaplastic.rules import Rule, RuleState

# largest size of a minibatch, in numbers: an update network keeps some 30 to 100 values per
# number, so this bounds memory by about a gigabyte
MINIBATCH_NUMBERS = 2**21
SMALLEST_BATCH = 16
LAST = 2**31 - 1  # the largest t
BLOCK = 25  # minibatches whose rows are drawn together


@quickest_jit  # its numbers are integers
def _keys(seed: Any, layers: int) -> tuple[Array, Array]:
    forward, backward = layer_keys(jax.random.key(seed), layers)
    return jax.random.key_data(forward), jax.random.key_data(backward)


# each layer for itself: for data of another width, only the first one is compiled again
@quick_jit
def _layer(key: Any, backward_key: Any, connection: Connection, below: Shape) -> Layer:
    backward = None if backward_key is None else jax.random.wrap_key_data(backward_key)
    return random_layer(jax.random.wrap_key_data(key), backward, connection, below)


@quick_jit
def _first_state(rule: Rule, phi: Phi) -> RuleState:
    return rule.init(phi)


@quick_jit
def _step(
    rule: Rule,
    phi: Phi,
    state: RuleState,
    x: Float[Array, "batch inputs"],
    t: Int[Array, ""],
) -> tuple[Phi, RuleState]:
    return inner_loop.step(rule, phi, state, x, t)


@quickest_jit  # its numbers are integers
def _rows(seed: Any, first: Any, batch_size: int, n_rows: Any) -> Int[Array, "block batch"]:
    key = minibatch_key(seed)
    return jax.vmap(lambda t: inner_loop.rows_of_step(key, t, batch_size, n_rows))(
        first + jnp.arange(BLOCK, dtype=jnp.uint32)
    )


def begin(rule: Rule, seed: int, model: ModelSpec) -> tuple[Phi, RuleState]:
    """Return a random φ of the model and the rule's initial state, in float32 regardless of
    `jax_enable_x64`. They are those of `metaplastic.inner_loop.begin`, to the bit."""
    refuse_after_fork()
    with jax.enable_x64(False):
        keys = map(np.asarray, _keys(np.uint32(seed), len(model.layers)))
        layers = [
            _layer(key, backward_key if rule.needs_backward else None, connection, below)
            for key, backward_key, (below, connection) in zip(*keys, model.wired, strict=True)
        ]
        phi = Phi(tuple(layers), model)
        return phi, _first_state(rule, phi)


def inner_step(
    rule: Rule,
    phi: Phi,
    state: RuleState,
    x: NDArray[np.float32],
    t: int,
    max_age: int | None = None,
) -> tuple[Phi, RuleState]:
    """Take inner step `t`, counted from 0, on a minibatch (B, N_0); returns before it is done.

    The rule's age is min(t, `max_age`).
    """
    refuse_after_fork()
    t = min(t, LAST if max_age is None else max_age, LAST)
    with jax.enable_x64(False):
        return _step(rule, phi, state, x, np.int32(t))  # pyright: ignore


def minibatch_key(seed: Array | int) -> PRNGKeyArray:
    """Return the random key of the minibatches of an encoder with this seed; φ uses the seed's key
    itself."""
    return jax.random.fold_in(jax.random.key(seed), 1)


def drawn_rows(
    seed: int, first: int, steps: int, batch_size: int, n_rows: int
) -> Iterator[NDArray[np.int32]]:
    """Yield the row indices (B,) of each of `steps` minibatches, from inner step `first` on."""
    for start in range(first, first + steps, BLOCK):
        with jax.enable_x64(False):
            block = _rows(np.uint32(seed), np.uint32(start % 2**32), batch_size, np.int32(n_rows))
        yield from np.asarray(block)[: first + steps - start]


def in_single_precision(rule: Rule) -> Rule:
    """Return the rule with float32 and int32 in place of the float64 and int64 of a rule made under
    `jax_enable_x64`."""

    def narrow(leaf: Any) -> Any:
        if not eqx.is_array(leaf) and not isinstance(leaf, np.ndarray):
            return leaf
        with jax.enable_x64(False):
            narrower = jax.dtypes.canonicalize_dtype(leaf.dtype)
        return leaf if narrower == leaf.dtype else np.asarray(leaf).astype(narrower)

    return jax.tree.map(narrow, rule)


def minibatch_size(batch_size: int, model: ModelSpec) -> int:
    """Return the rows of a minibatch: `batch_size`, or fewer, but at least 16, so that the inputs
    and the largest map are at most 2^21 numbers for all rows together."""
    maps = [math.prod(shape) for shape in model.shapes[1:] if len(shape) == 3]
    largest = max(math.prod(model.inputs), *maps) if maps else math.prod(model.inputs)
    return min(batch_size, max(SMALLEST_BATCH, MINIBATCH_NUMBERS // largest))


T = TypeVar("T")


def to_host(tree: T) -> T:
    """Return the pytree with NumPy arrays, which any process can read; random keys stay as is."""

    def as_numpy(leaf: Any) -> Any:
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return leaf if is_key else np.asarray(leaf)

    return jax.tree.map(as_numpy, tree)


def wait(phi: Phi) -> None:
    """Block until the dispatched inner steps are done."""
    jax.block_until_ready(phi)


def is_finite(phi: Phi) -> bool:
    """Whether every number of φ is finite."""
    return all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(phi))
