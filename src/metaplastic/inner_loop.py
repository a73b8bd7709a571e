"""The inner loop: an update rule applied to unlabelled rows, one minibatch after another.

    (φ_0, s_0) = begin(θ, key)
    (φ_{t+1}, s_{t+1}) = U_θ(φ_t, s_t, x_t, t),   t = 0, 1, 2, …

with φ the base model's parameters, s the rule's own state, and x_t a minibatch drawn evenly, with
replacement. The loop owns the step counter t and passes it to the rule, which does not count.

Meta-training, evaluation and the encoder all step through here, and draw minibatches and the rows
of batch-norm statistics by the functions below, so that what one measures another gives.
Meta-training adds the meta-objective, evaluation runs many seeds at once, the encoder takes rows
from the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer, PRNGKeyArray

from metaplastic.base_model import ModelSpec, Phi, initialise
from metaplastic.rules import Rule, RuleState

STATISTICS_ROWS = 4096  # rows that give batch-norm statistics
_LARGE = 2**20  # rows from which no permutation of all of them is made

Rows = TypeVar("Rows", bound=Any)


def begin(
    rule: Rule, key: PRNGKeyArray, model: ModelSpec | Iterable[int], activation: str = "relu"
) -> tuple[Phi, RuleState]:
    """A random φ and the rule's state before the first step. `model` describes the base model, or
    gives the sizes (N_0, ..., N_L) of a perceptron of that activation."""
    phi = initialise(key, model, activation, backward=rule.needs_backward)
    return phi, rule.init(phi)


def step(
    rule: Rule,
    phi: Phi,
    state: RuleState,
    x: Float[Array, "batch inputs"],
    t: Int[Array, ""],
) -> tuple[Phi, RuleState]:
    """One inner step on the minibatch `x`, after `t` others."""
    return rule.update(phi, state, x, t)


def run(
    rule: Rule,
    phi: Phi,
    state: RuleState,
    minibatch: Callable[[Int[Array, ""]], Float[Array, "batch inputs"]],
    start: Int[Array, ""],
    stop: Int[Array, ""],
) -> tuple[Phi, RuleState]:
    """The inner steps t = `start` to `stop` - 1, on `minibatch(t)`. Not differentiable in reverse;
    `metaplastic.meta.unroll` is."""

    def body(t: Array, carry: tuple[Phi, RuleState]) -> tuple[Phi, RuleState]:
        return step(rule, *carry, minibatch(t), t)

    return jax.lax.fori_loop(start, stop, body, (phi, state))


def draw_rows(key: PRNGKeyArray, batch_size: int, n_rows: int | Array) -> Int[Array, " batch"]:
    """The rows of one minibatch: each one of the `n_rows` with equal chance, with replacement.

    int32 whatever `jax_enable_x64` says, so that the same key draws the same rows.
    """
    return jax.random.randint(key, (batch_size,), 0, n_rows, jnp.int32)


def rows_of_step(
    key: PRNGKeyArray, t: Integer[Array, ""], batch_size: int, n_rows: int | Array
) -> Int[Array, " batch"]:
    """The rows of minibatch t. They depend on key and t alone, so that cutting a run into blocks,
    or going on with it later, changes nothing."""
    return draw_rows(jax.random.fold_in(key, t), batch_size, n_rows)


def statistics_rows(x: Rows) -> Rows:
    """The rows of `x` (n, d) that give batch-norm statistics: all, or a fixed choice of 4,096.

    `x` may be an array of NumPy or JAX, a memory map, or a CSR matrix.
    """
    count = x.shape[0]
    if count <= STATISTICS_ROWS:
        return x
    rng = np.random.default_rng(0)
    if count <= _LARGE:
        chosen = rng.permutation(count)[:STATISTICS_ROWS]
    else:  # a permutation of the rows of a huge file would take memory by their number
        chosen = rng.choice(count, STATISTICS_ROWS, replace=False, shuffle=False)
    return x[np.sort(chosen)]
