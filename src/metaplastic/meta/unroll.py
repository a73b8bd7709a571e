"""The unroll: inner steps of a rule on a task's pool, with the meta-objective after each step.

No label reaches the rule: minibatches are drawn from the pool's inputs only, and the labelled
batches of the meta-objective are drawn separately.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray
from pydantic import Field, model_validator

from metaplastic import inner_loop
from metaplastic.base_model import Phi
from metaplastic.meta.group import Pool
from metaplastic.meta.reading import read_objective
from metaplastic.objectives import Objective
from metaplastic.rules import Rule, RuleState
from metaplastic.settings import SettingsModel


class UnrollConfig(SettingsModel):
    """The inner loop in meta-training."""

    batch_size: int = Field(
        default=64, ge=2, description="B, examples in a minibatch of the inner loop"
    )
    truncation: tuple[int, int] = Field(
        default=(4, 8), description="fewest and most inner steps of a truncation, k"
    )
    horizon: tuple[int, int] = Field(
        default=(50, 200), description="fewest and most inner steps of a task"
    )
    neighbours: int = Field(
        default=0,
        ge=0,
        description="k, the nearest examples of the pool that come into a minibatch with each one "
        "drawn; B is a multiple of 1 + k. The encoder and the studies draw every row evenly",
    )
    late_weight: float = Field(
        default=8.0,
        ge=0,
        description="power p of the weight (t/k)^p of the loss after step t of k; 0 weighs all "
        "steps equally",
    )
    cotangent_limit: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=True,
        description="largest norm of the gradient in φ that is propagated back over an inner step, "
        "which keeps chaotic unrolls from dominating the others; no limit if not set",
    )
    rematerialise: bool = Field(
        default=True,
        description="recompute inner steps in the backward pass: takes less memory, and on a CPU "
        "less time too",
    )

    @model_validator(mode="after")
    def _check(self) -> UnrollConfig:
        for name in ("truncation", "horizon"):
            low, high = getattr(self, name)
            if not 1 <= low <= high:
                raise ValueError(f"{name} {(low, high)}: need 1 <= fewest <= most")
        if self.batch_size % (1 + self.neighbours):
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of 1 + neighbours = "
                f"{1 + self.neighbours}"
            )
        return self


class Trajectory(NamedTuple):
    """The end of an unroll, and the meta-objective after each step (zero after `n_steps`)."""

    phi: Phi
    rule_state: RuleState
    age: Int[Array, ""]
    losses: Float[Array, " steps"]


def nearest_examples(pool: Pool, k: int) -> Int[Array, "rows k"]:
    """Return the k other examples whose inputs are nearest to those of each example, by Euclidean
    distance; none is kept apart. Examples are numbered class by class."""
    seen = pool.inputs[:, : pool.inputs.shape[1] - pool.apart]
    rows = seen.reshape(-1, seen.shape[-1])
    squares = jnp.sum(rows * rows, axis=1)
    distance = squares[:, None] + squares[None] - 2.0 * rows @ rows.T
    distance = distance + jnp.diag(jnp.full(len(rows), jnp.inf))
    return jax.lax.top_k(-distance, k)[1]


def draw_minibatch(
    pool: Pool,
    batch_size: int,
    key: PRNGKeyArray,
    nearest: Int[Array, "rows k"] | None = None,
) -> Float[Array, "batch inputs"]:
    """Draw examples of the pool uniformly with replacement, except those kept apart. `nearest`: so
    many fewer, each followed by its k nearest examples."""
    classes, examples = pool.inputs.shape[:2]
    per_class = examples - pool.apart
    n_rows = classes * per_class
    if nearest is None:
        rows = inner_loop.draw_rows(key, batch_size, n_rows)
    else:
        drawn = inner_loop.draw_rows(key, batch_size // (1 + nearest.shape[1]), n_rows)
        rows = jnp.concatenate([drawn[:, None], nearest[drawn]], axis=1).ravel()
    return pool.inputs[rows // per_class, rows % per_class]


def draw_labelled(pool: Pool, per_class: int, key: PRNGKeyArray) -> tuple[Pool, Pool]:
    """Draw two disjoint labelled batches of `per_class` examples of every class, from the examples
    kept apart if there are any, else from the whole pool."""
    classes, examples = pool.inputs.shape[:2]
    first = examples - pool.apart if pool.apart else 0
    keys = jax.random.split(key, classes)
    order = first + jax.vmap(
        lambda k: jax.random.permutation(k, examples - first)[: 2 * per_class]
    )(keys)
    taken = jax.tree.map(
        lambda a: jnp.take_along_axis(a, order[..., None], axis=1, mode="clip"), pool
    )
    fit = jax.tree.map(lambda a: a[:, :per_class].reshape(-1, a.shape[-1]), taken)
    test = jax.tree.map(lambda a: a[:, per_class:].reshape(-1, a.shape[-1]), taken)
    return fit, test


def bound_cotangent(phi: Phi, limit: float) -> Phi:
    """Return φ itself; if its cotangent has a norm above `limit`, it is scaled down to it."""
    return cast("Phi", _bounded(phi, limit))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _bounded(phi: Phi, limit: float) -> Phi:
    del limit
    return phi


def _bounded_backward(limit: float, _: None, cotangent: Phi) -> tuple[Phi]:
    norm = optax.tree.norm(cotangent)
    return (jax.tree.map(lambda g: g * jnp.minimum(1.0, limit / (norm + 1e-12)), cotangent),)


_bounded.defvjp(lambda phi, limit: (phi, None), _bounded_backward)


def unroll(
    rule: Rule,
    phi: Phi,
    rule_state: RuleState,
    age: Int[Array, ""],
    pool: Pool,
    key: PRNGKeyArray,
    n_steps: Int[Array, ""],
    *,
    max_steps: int,
    config: UnrollConfig,
    per_class: int,
    objective: Objective,
    read: bool = True,
) -> Trajectory:
    """Take `n_steps` <= `max_steps` inner steps of one task, after `age` earlier ones, with the
    task's key.

    The key of inner step t is folded from t + 1 (0 is for the initial φ), so that the lengths of
    the truncations of an unroll do not change it.
    """
    n_classes = pool.inputs.shape[0]
    # found again in every truncation: a pool does not hold them
    nearest = nearest_examples(pool, config.neighbours) if config.neighbours else None

    def take(
        carry: tuple[Phi, RuleState], x: Array, t: Array, labelled: tuple[Pool, Pool] | None
    ) -> tuple[tuple[Phi, RuleState], Array]:
        phi, state = carry
        if config.cotangent_limit is not None:
            phi = bound_cotangent(phi, config.cotangent_limit)
        phi, state = inner_loop.step(rule, phi, state, x, t)
        if labelled is None:
            return (phi, state), jnp.zeros(())
        return (phi, state), read_objective(phi, *labelled, objective, n_classes, x)

    if config.rematerialise:
        take = jax.checkpoint(take)

    def step(
        carry: tuple[Phi, RuleState], done: Int[Array, ""]
    ) -> tuple[tuple[Phi, RuleState], Array]:
        # drawn outside the `cond`, which would store the whole pool for the backward pass of every
        # step
        t = age + done
        batch_key, label_key = jax.random.split(jax.random.fold_in(key, t + 1))
        x = draw_minibatch(pool, config.batch_size, batch_key, nearest)
        labelled = draw_labelled(pool, per_class, label_key) if read else None
        skip: Callable = lambda c, *_: (c, jnp.zeros(()))  # noqa: E731
        return jax.lax.cond(done < n_steps, take, skip, carry, x, t, labelled)

    (phi, rule_state), losses = jax.lax.scan(step, (phi, rule_state), jnp.arange(max_steps))
    taken = jnp.minimum(n_steps, max_steps).astype(age.dtype)
    return Trajectory(phi, rule_state, age + taken, losses)


def weigh(
    losses: Float[Array, " steps"], n_steps: Int[Array, ""], late_weight: float
) -> Float[Array, ""]:
    """Return the weighted mean of an unroll's losses, with weight (t / n_steps)^late_weight."""
    progress = (jnp.arange(losses.shape[0]) + 1.0) / n_steps
    weight = jnp.where(progress <= 1.0, progress**late_weight, 0.0)
    return jnp.sum(weight * losses) / jnp.sum(weight)
