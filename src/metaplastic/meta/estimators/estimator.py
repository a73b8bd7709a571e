"""The interface of gradient estimators, in optax's manner: `init`, `estimate`, explicit state."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree
from pydantic import BaseModel, ConfigDict

from metaplastic.meta.group import GroupState
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.objectives import Objective
from metaplastic.rules import Rule


class Estimate(NamedTuple):
    """What one group gives to a meta-step.

    `gradient` is the mean over the tasks whose loss and gradient are finite and whose norm is
    within the limit; `finite` marks them; the others have no part in it and must be replaced.
    `loss` and `norm` (of each task's gradient, before clipping) are per task. `group` and `state`
    are those to go on from.
    """

    gradient: PyTree[Array]
    group: GroupState
    state: PyTree[Array]
    loss: Float[Array, " tasks"]
    norm: Float[Array, " tasks"]
    finite: Bool[Array, " tasks"]


class NoSettings(BaseModel):
    """Of an estimator that has none of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimator(eqx.Module):
    """Estimates the gradient of the meta-objective in θ from a group's tasks.

    Two pure functions. What an estimator carries from one estimate to the next (perturbed copies of
    φ, say) is its state: a pytree whose arrays lead with the tasks, as the group's do, so that it
    is split over devices and processes and saved in checkpoints with them. `keys` are one a task,
    new in each estimate. `tasks_at_once` are computed side by side, the rest one batch after
    another: all of them (None) keeps an accelerator busy, one keeps a processor's caches warm.
    """

    Settings: ClassVar[type[BaseModel]] = NoSettings

    config: UnrollConfig = eqx.field(static=True)
    per_class: int = eqx.field(static=True)
    objective: Objective = eqx.field(static=True)
    clip_task: float = eqx.field(static=True)
    tasks_at_once: int | None = eqx.field(static=True, default=None)
    norm_limit: float = eqx.field(static=True, default=float("inf"))

    settings: Any = eqx.field(static=True, default=NoSettings())

    def init(self, rule: Rule, group: GroupState, keys: Key[Array, " tasks"]) -> PyTree[Array]:
        """The state of tasks at the start of their unrolls; empty where none is needed."""
        del rule, group, keys
        return ()

    @abc.abstractmethod
    def estimate(
        self,
        rule: Rule,
        group: GroupState,
        state: PyTree[Array],
        keys: Key[Array, " tasks"],
        n_steps: Int[Array, ""],
    ) -> Estimate:
        """The estimate for this group, whose tasks advance by `n_steps`."""

    @property
    @abc.abstractmethod
    def lengths(self) -> tuple[int, int]:
        """Fewest and most inner steps of one estimate; the compiled program holds the most."""

    @property
    def backward_steps(self) -> int:
        """Most inner steps that are differentiated, which is what takes memory."""
        return self.lengths[1]

    @property
    def restarts(self) -> bool:
        """Whether every estimate needs tasks that are new."""
        return False


def gather(
    gradients: PyTree[Array],
    loss: Float[Array, " tasks"],
    clip: float,
    limit: float = float("inf"),
) -> tuple[PyTree[Array], Float[Array, " tasks"], Bool[Array, " tasks"]]:
    """Per-task gradients, clipped each to norm `clip`, as a mean over the finite ones.

    A norm above `limit` counts as not finite: such an unroll has turned chaotic, and what is left
    of its gradient after clipping is noise. Returns the mean, the norms before clipping, and the
    marks of finite tasks.
    """
    norm = jax.vmap(optax.tree.norm)(gradients)
    finite = jnp.isfinite(loss) & jnp.isfinite(norm) & (norm <= limit)
    scale = jnp.where(finite, jnp.minimum(1.0, clip / (norm + 1e-12)), 0.0)
    count = jnp.maximum(jnp.sum(finite), 1)

    def mean(leaf: Array) -> Array:
        shape = (-1,) + (1,) * (leaf.ndim - 1)
        kept = jnp.where(finite.reshape(shape), leaf, 0.0) * scale.reshape(shape)
        return jnp.sum(kept, axis=0) / count

    return jax.tree.map(mean, gradients), norm, finite
