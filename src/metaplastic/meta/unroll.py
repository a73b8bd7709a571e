"""The unroll: inner steps of a rule on a task's pool, with the meta-objective read after each.

No label reaches the rule: minibatches are drawn from the pool's inputs alone; the labelled
batches of the meta-objective are drawn beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from metaplastic.base_model import Phi, features
from metaplastic.meta.group import Pool
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
    activation: str = Field(default="relu", description="activation of the base model")
    late_weight: float = Field(
        default=8.0,
        ge=0,
        description="the loss of step t of k weighs (t/k)^this; 0 weighs all alike",
    )
    rematerialise: bool = Field(
        default=True,
        description="recompute inner steps in the backward pass: less memory, a third slower",
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
    losses: Float[Array, " steps"]


def draw_minibatch(pool: Pool, batch_size: int, key: PRNGKeyArray) -> Float[Array, "batch inputs"]:
    """Examples of the pool, drawn evenly with replacement."""
    flat = pool.inputs.reshape(-1, pool.inputs.shape[-1])
    return flat[jax.random.randint(key, (batch_size,), 0, flat.shape[0])]


def draw_labelled(pool: Pool, per_class: int, key: PRNGKeyArray) -> tuple[Pool, Pool]:
    """Two disjoint labelled batches of `per_class` examples of every class."""
    classes, examples = pool.inputs.shape[:2]
    keys = jax.random.split(key, classes)
    order = jax.vmap(lambda k: jax.random.permutation(k, examples)[: 2 * per_class])(keys)
    taken = jax.tree.map(
        lambda a: jnp.take_along_axis(a, order[..., None], axis=1, mode="clip"), pool
    )
    first = jax.tree.map(lambda a: a[:, :per_class].reshape(-1, a.shape[-1]), taken)
    second = jax.tree.map(lambda a: a[:, per_class:].reshape(-1, a.shape[-1]), taken)
    return first, second


def read_objective(
    phi: Phi, pool: Pool, per_class: int, objective: Objective, key: PRNGKeyArray
) -> Float[Array, ""]:
    """The meta-objective at φ on two fresh labelled batches."""
    fit, test = draw_labelled(pool, per_class, key)
    return objective(
        features(phi, fit.inputs), fit.targets, features(phi, test.inputs), test.targets
    )


def unroll(
    rule: Rule,
    phi: Phi,
    rule_state: RuleState,
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
    """`n_steps` <= `max_steps` inner steps of one task; the key is the task's own.

    Keys of a step are folded from the age of the unroll, so that cutting an unroll into
    truncations of whatever lengths changes nothing.
    """

    def take(carry: tuple[Phi, RuleState]) -> tuple[tuple[Phi, RuleState], Array]:
        phi, state = carry
        batch_key, label_key = jax.random.split(jax.random.fold_in(key, state.age + 1))
        phi, state = rule.update(phi, state, draw_minibatch(pool, config.batch_size, batch_key))
        if not read:
            return (phi, state), jnp.zeros(())
        return (phi, state), read_objective(phi, pool, per_class, objective, label_key)

    if config.rematerialise:
        take = jax.checkpoint(take)

    def step(
        carry: tuple[Phi, RuleState], t: Int[Array, ""]
    ) -> tuple[tuple[Phi, RuleState], Array]:
        stay: Callable = lambda c: (c, jnp.zeros(()))  # noqa: E731
        return jax.lax.cond(t < n_steps, take, stay, carry)

    (phi, rule_state), losses = jax.lax.scan(step, (phi, rule_state), jnp.arange(max_steps))
    return Trajectory(phi, rule_state, losses)


def weigh(
    losses: Float[Array, " steps"], n_steps: Int[Array, ""], late_weight: float
) -> Float[Array, ""]:
    """The losses of an unroll as one, later ones weighing more by a power of their place."""
    place = (jnp.arange(losses.shape[0]) + 1.0) / n_steps
    weight = jnp.where(place <= 1.0, place**late_weight, 0.0)
    return jnp.sum(weight * losses) / jnp.sum(weight)
