"""The unroll: inner steps of a rule on a task's pool, with the meta-objective read after each.

No label reaches the rule: minibatches are drawn from the pool's inputs alone; the labelled
batches of the meta-objective are drawn beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from metaplastic import inner_loop
from metaplastic.base_model import Phi
from metaplastic.meta.group import Pool
from metaplastic.meta.reading import read_objective
from metaplastic.objectives import Objective
from metaplastic.rules import Rule, RuleState


class UnrollConfig(BaseModel):
    """The inner loop in meta-training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: int = Field(default=64, ge=2, description="B: examples in an inner minibatch")
    truncation: tuple[int, int] = Field(default=(4, 8), description="fewest and most steps, k")
    horizon: tuple[int, int] = Field(
        default=(50, 200), description="fewest and most steps of a task"
    )
    late_weight: float = Field(
        default=8.0,
        ge=0,
        description="the loss of step t of k weighs (t/k)^this; 0 weighs all alike",
    )
    cotangent_limit: float | None = Field(
        default=None,
        gt=0,
        description="largest norm of the loss's gradient in φ that is carried back over an inner "
        "step, which keeps a chaotic unroll from drowning the rest; none: any",
    )
    rematerialise: bool = Field(
        default=True,
        description="recompute inner steps in the backward pass: less memory, on a processor less "
        "time too",
    )

    @model_validator(mode="after")
    def _check(self) -> UnrollConfig:
        for name in ("truncation", "horizon"):
            low, high = getattr(self, name)
            if not 1 <= low <= high:
                raise ValueError(f"{name} {(low, high)}: need 1 <= fewest <= most")
        return self


class Trajectory(NamedTuple):
    """The end of an unroll, and the meta-objective after each step (zero past `n_steps`)."""

    phi: Phi
    rule_state: RuleState
    age: Int[Array, ""]
    losses: Float[Array, " steps"]


def draw_minibatch(pool: Pool, batch_size: int, key: PRNGKeyArray) -> Float[Array, "batch inputs"]:
    """Examples of the pool, drawn evenly with replacement; of none that are kept apart."""
    classes, examples = pool.inputs.shape[:2]
    seen = examples - pool.apart
    drawn = inner_loop.draw_rows(key, batch_size, classes * seen)
    return pool.inputs[drawn // seen, drawn % seen]


def draw_labelled(pool: Pool, per_class: int, key: PRNGKeyArray) -> tuple[Pool, Pool]:
    """Two disjoint labelled batches of `per_class` examples of every class: of those kept
    apart, if there are any, else of the pool."""
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
    """φ itself; its cotangent is scaled down to norm `limit` where it is longer."""
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
    """`n_steps` <= `max_steps` inner steps of one task, after `age` others; the key is its own.

    Keys of inner step t are folded from t + 1 (0 is φ's at the start), so that cutting an unroll
    into truncations of whatever lengths changes nothing.
    """
    n_classes = pool.inputs.shape[0]

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
        # drawn outside of the `cond`, which would keep the whole pool for every step's backward
        t = age + done
        batch_key, label_key = jax.random.split(jax.random.fold_in(key, t + 1))
        x = draw_minibatch(pool, config.batch_size, batch_key)
        labelled = draw_labelled(pool, per_class, label_key) if read else None
        stay: Callable = lambda c, *_: (c, jnp.zeros(()))  # noqa: E731
        return jax.lax.cond(done < n_steps, take, stay, carry, x, t, labelled)

    (phi, rule_state), losses = jax.lax.scan(step, (phi, rule_state), jnp.arange(max_steps))
    taken = jnp.minimum(n_steps, max_steps).astype(age.dtype)
    return Trajectory(phi, rule_state, age + taken, losses)


def weigh(
    losses: Float[Array, " steps"], n_steps: Int[Array, ""], late_weight: float
) -> Float[Array, ""]:
    """The losses of an unroll as one, later ones weighing more by a power of their place."""
    place = (jnp.arange(losses.shape[0]) + 1.0) / n_steps
    weight = jnp.where(place <= 1.0, place**late_weight, 0.0)
    return jnp.sum(weight * losses) / jnp.sum(weight)
