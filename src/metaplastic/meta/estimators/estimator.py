"""The interface of gradient estimators, as in optax: `init` and `estimate` with explicit state."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree
from pydantic import BaseModel

from metaplastic.meta.group import GroupState
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.objectives import Objective
from metaplastic.rules import Rule
from metaplastic.settings import NoSettings


class Estimate(NamedTuple):
    """The contribution of one group to a meta-step.

    `gradient` is the mean over the tasks whose loss and gradient are finite and whose gradient norm
    is within the limit; `finite` marks these tasks. The others do not contribute and must be
    replaced. `loss` and `norm` (of the gradient before clipping) are per task. `group` and `state`
    are the ones to continue from.
    """

    gradient: PyTree[Array]
    group: GroupState
    state: PyTree[Array]
    loss: Float[Array, " tasks"]
    norm: Float[Array, " tasks"]
    finite: Bool[Array, " tasks"]


class Estimator(eqx.Module):
    """Estimates the gradient of the meta-objective in θ from a group's tasks.

    It consists of two pure functions. What an estimator carries from one estimate to the next, such
    as perturbed copies of φ, is its state: a pytree whose arrays have a leading task axis like the
    group's, so that it is split over devices and processes and saved in checkpoints like the group.
    `keys` holds one key per task, new in each estimate. `tasks_at_once` tasks are computed side by
    side, in successive batches: all of them (None) keeps an accelerator busy, one keeps the caches
    of a CPU warm.
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
        """Return the state of tasks at the start of their unrolls; empty if none is needed."""
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
        """Compute the estimate for this group and advance its tasks by `n_steps`."""

    @property
    @abc.abstractmethod
    def lengths(self) -> tuple[int, int]:
        """Fewest and most inner steps of an estimate; the program is compiled for the most."""

    @property
    def backward_steps(self) -> int:
        """Most inner steps that are differentiated, which determines the memory needed."""
        return self.lengths[1]

    @property
    def restarts(self) -> bool:
        """Whether every estimate needs new tasks."""
        return False


def gather(
    gradients: PyTree[Array],
    loss: Float[Array, " tasks"],
    clip: float,
    limit: float = float("inf"),
) -> tuple[PyTree[Array], Float[Array, " tasks"], Bool[Array, " tasks"]]:
    """Clip each task's gradient to norm `clip` and average the finite ones.

    A norm above `limit` counts as not finite: such an unroll has turned chaotic, and its gradient
    after clipping would be noise. Returns the mean, the norms before clipping, and which tasks are
    finite.
    """
    norm = jax.vmap(optax.tree.norm)(gradients)
    finite = jnp.isfinite(loss) & jnp.isfinite(norm) & (norm <= limit)
    scale = jnp.where(finite, jnp.minimum(1.0, clip / (norm + 1e-12)), 0.0)
    count = jnp.maximum(jnp.sum(finite), 1)

    def mean(leaf: Array) -> Array:
        shape = (-1,) + (1,) * (leaf.ndim - 1)
        clipped = jnp.where(finite.reshape(shape), leaf, 0.0) * scale.reshape(shape)
        return jnp.sum(clipped, axis=0) / count

    return jax.tree.map(mean, gradients), norm, finite
