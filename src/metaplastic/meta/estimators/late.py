"""Backpropagation through the last steps of the whole unroll."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, PyTree

from metaplastic.meta.estimators.estimator import Estimate
from metaplastic.meta.estimators.full import FullBackprop
from metaplastic.meta.group import GroupState
from metaplastic.meta.unroll import unroll
from metaplastic.rules import Rule


class LateBackprop(FullBackprop):
    """Runs every task from the random φ to its horizon and differentiates the last k steps, k being
    the longest `truncation`.

    As with `FullBackprop`, the end of the inner loop is optimised; as with truncations, the effect
    of θ on the state k steps before the end is ignored. Most of the gradient through a whole unroll
    is noise of the inner loop; this one has less of it, and steps that are not differentiated are
    cheap. θ can therefore take larger steps.
    """

    @property
    def backward_steps(self) -> int:
        return min(self.config.truncation[1], self.config.horizon[0])

    def estimate(
        self,
        rule: Rule,
        group: GroupState,
        state: PyTree[Array],
        keys: Key[Array, " tasks"],
        n_steps: Int[Array, ""],
    ) -> Estimate:
        k = self.backward_steps

        def advance(task: GroupState) -> GroupState:
            end = unroll(
                rule,
                task.phi,
                task.rule_state,
                task.age,
                task.pool,
                task.keys,
                n_steps - k,
                max_steps=self.lengths[1] - k,
                config=self.config,
                per_class=self.per_class,
                objective=self.objective,
                read=False,
            )
            return task.moved(end.phi, end.rule_state, end.age)

        advanced = jax.lax.map(advance, group, batch_size=self.tasks_at_once or group.n_tasks)
        return super().estimate(rule, advanced, state, keys, jnp.array(k))
