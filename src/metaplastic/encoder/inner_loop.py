"""Inner steps on minibatches that come from the host, one compiled program per shape.

The compiled functions live at module level with θ, φ and the rule's state as arguments: a second
fit of the same shapes, with whatever θ, compiles nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

from metaplastic.base_model import Phi, initialise
from metaplastic.errors import ConfigError
from metaplastic.forks import refuse_after_fork
from metaplastic.rules import Rule, RuleState

# numbers in a minibatch from which it is made smaller: an update network keeps some 30 to 100
# values per number, so this bounds memory by about a gigabyte
MINIBATCH_NUMBERS = 2**21
SMALLEST_BATCH = 16
NO_LIMIT = 2**31 - 1  # of the age


@eqx.filter_jit
def _begin(rule: Rule, seed: Array, sizes: tuple[int, ...], activation: str) -> tuple:
    phi = initialise(jax.random.key(seed), sizes, activation, backward=rule.needs_backward)
    return phi, rule.init(phi)


@eqx.filter_jit
def _step(
    rule: Rule,
    phi: Phi,
    state: RuleState,
    x: Float[Array, "batch inputs"],
    max_age: Int[Array, ""],
) -> tuple[Phi, RuleState]:
    age = jnp.minimum(state.age, max_age)
    return rule.update(phi, eqx.tree_at(lambda s: s.age, state, age), x)


def layer_sizes(n_inputs: int, hidden: int | Iterable[int], n_features: int) -> tuple[int, ...]:
    """(N_0, ..., N_L). Raises `ConfigError` on a hidden layer that is not an integer from 1."""
    given: tuple[Any, ...] = (hidden,) if isinstance(hidden, Integral) else tuple(hidden)  # pyright: ignore
    if not all(isinstance(n, Integral) and int(n) >= 1 for n in given):
        raise ConfigError(f"hidden_layer_sizes {given}: give integers of at least 1, or none")
    return (n_inputs, *(int(n) for n in given), int(n_features))


def begin(rule: Rule, seed: int, sizes: tuple[int, ...], activation: str) -> tuple[Phi, RuleState]:
    """A random φ of these sizes and the rule's state at the start of an unroll, float32 whatever
    `jax_enable_x64` says."""
    refuse_after_fork()
    with jax.enable_x64(False):
        return _begin(rule, np.uint32(seed), sizes, str(activation))  # pyright: ignore


def inner_step(
    rule: Rule, phi: Phi, state: RuleState, x: NDArray[np.float32], max_age: int | None = None
) -> tuple[Phi, RuleState]:
    """One application of the rule to a minibatch (B, N_0); returns before it is done.

    The rule works as at the age of `max_age` inner steps where it is older than that.
    """
    refuse_after_fork()
    limit = NO_LIMIT if max_age is None else min(max_age, NO_LIMIT)
    with jax.enable_x64(False):
        return _step(rule, phi, state, x, np.int32(limit))  # pyright: ignore


def in_single_precision(rule: Rule) -> Rule:
    """The rule with float32 and int32 in place of float64 and int64, which a rule made under
    `jax_enable_x64` holds."""

    def narrow(leaf: Any) -> Any:
        if not eqx.is_array(leaf) and not isinstance(leaf, np.ndarray):
            return leaf
        with jax.enable_x64(False):
            narrower = jax.dtypes.canonicalize_dtype(leaf.dtype)
        return leaf if narrower == leaf.dtype else np.asarray(leaf).astype(narrower)

    return jax.tree.map(narrow, rule)


def minibatch_rows(batch_size: int, n_rows: int, n_inputs: int) -> int:
    """Rows of a minibatch: `batch_size`, fewer where there are not as many rows or where so many
    inputs would not fit in memory."""
    fitting = max(SMALLEST_BATCH, MINIBATCH_NUMBERS // n_inputs)
    return max(1, min(batch_size, n_rows, fitting))


T = TypeVar("T")


def to_host(tree: T) -> T:
    """The same pytree with NumPy arrays, which any process can read; random keys stay."""

    def bring(leaf: Any) -> Any:
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return leaf if is_key else np.asarray(leaf)

    return jax.tree.map(bring, tree)


def wait(phi: Phi) -> None:
    """Until the inner steps taken are done."""
    jax.block_until_ready(phi)


def is_finite(phi: Phi) -> bool:
    """Whether every number of φ is finite."""
    return all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(phi))
