"""The inner loop: an update rule applied to unlabelled rows, one minibatch after another.

    (φ_0, s_0) = begin(θ, key)
    (φ_{t+1}, s_{t+1}) = U_θ(φ_t, s_t, x_t, t),   t = 0, 1, 2, …

with φ the base model's parameters, s the rule's own state, and x_t a minibatch drawn uniformly with
replacement. The loop owns the step counter t and passes it to the rule, which does not count.

Meta-training, evaluation and the encoder all use this module to take steps and to draw minibatches
and the rows for batch-norm statistics, so that their results agree. Meta-training adds the
meta-objective, evaluation runs many seeds at once, and the encoder takes rows from the host.
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

STATISTICS_ROWS = 4096  # most rows that batch-norm statistics are computed from
_LARGE = 2**20  # with more rows than this, no permutation of all rows is made

Rows = TypeVar("Rows", bound=Any)


def begin(
    rule: Rule, key: PRNGKeyArray, model: ModelSpec | Iterable[int], activation: str = "relu"
) -> tuple[Phi, RuleState]:
    """Draw a random φ and return it with the rule's state before the first step.

    `model` describes the base model, or gives the sizes (N_0, ..., N_L) of a perceptron with the
    given activation.
    """
    phi = initialise(key, model, activation, backward=rule.needs_backward)
    return phi, rule.init(phi)


def step(
    rule: Rule,
    phi: Phi,
    state: RuleState,
    x: Float[Array, "batch inputs"],
    t: Int[Array, ""],
) -> tuple[Phi, RuleState]:
    """Take one inner step on the minibatch `x`, after `t` earlier ones."""
    return rule.update(phi, state, x, t)


def run(
    rule: Rule,
    phi: Phi,
    state: RuleState,
    minibatch: Callable[[Int[Array, ""]], Float[Array, "batch inputs"]],
    start: Int[Array, ""],
    stop: Int[Array, ""],
) -> tuple[Phi, RuleState]:
    """Take the inner steps t = `start` to `stop` - 1 on `minibatch(t)`. Not reverse-mode
    differentiable, unlike `metaplastic.meta.unroll`."""

    def body(t: Array, carry: tuple[Phi, RuleState]) -> tuple[Phi, RuleState]:
        return step(rule, *carry, minibatch(t), t)

    return jax.lax.fori_loop(start, stop, body, (phi, state))


def draw_rows(key: PRNGKeyArray, batch_size: int, n_rows: int | Array) -> Int[Array, " batch"]:
    """Draw the rows of one minibatch uniformly from `n_rows`, with replacement.

    They are int32 regardless of `jax_enable_x64`, so that a key always draws the same rows.
    """
    return jax.random.randint(key, (batch_size,), 0, n_rows, jnp.int32)


def rows_of_step(
    key: PRNGKeyArray, t: Integer[Array, ""], batch_size: int, n_rows: int | Array
) -> Int[Array, " batch"]:
    """Draw the rows of minibatch t. They depend only on the key and t, so that splitting a run into
    blocks, or continuing it later, changes nothing."""
    return draw_rows(jax.random.fold_in(key, t), batch_size, n_rows)


def statistics_rows(x: Rows) -> Rows:
    """Return the rows of `x` (n, d) for batch-norm statistics: all, or a fixed sample of 4,096.

    `x` may be a NumPy or JAX array, a memory map, or a CSR matrix.
    """
    count = x.shape[0]
    if count <= STATISTICS_ROWS:
        return x
    rng = np.random.default_rng(0)
    if count <= _LARGE:
        chosen = rng.permutation(count)[:STATISTICS_ROWS]
    else:  # a permutation of a huge file's rows would take too much memory
        chosen = rng.choice(count, STATISTICS_ROWS, replace=False, shuffle=False)
    return x[np.sort(chosen)]
