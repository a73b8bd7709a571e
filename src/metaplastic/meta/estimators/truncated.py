"""Truncated backpropagation through time."""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Int, Key, PyTree

from metaplastic.meta.estimators.estimator import Estimate, Estimator, gather
from metaplastic.meta.group import GroupState
from metaplastic.meta.unroll import unroll, weigh
from metaplastic.rules import Rule


class TruncatedBackprop(Estimator):
    """Unrolls each task from where its last truncation ended, and differentiates these steps only:

        g = dL(φ_a, θ)/dθ,   φ_a held constant,   L over the inner steps a+1 … a+k

    Stable and cheap in memory, but biased: the effect of θ on the state at the start of a
    truncation is ignored, so effects that take longer than k steps are not credited. Varying k and
    the total length reduces the bias (Metz et al., 2018). `FullBackprop` (short horizons),
    `PersistentEvolution` and `SingleEvolution` (long ones) avoid it. Try this estimator first: of
    all, it has the least variance for its cost.
    """

    @property
    def lengths(self) -> tuple[int, int]:
        return self.config.truncation

    def estimate(
        self,
        rule: Rule,
        group: GroupState,
        state: PyTree[Array],
        keys: Key[Array, " tasks"],
        n_steps: Int[Array, ""],
    ) -> Estimate:
        del keys
        theta, static = eqx.partition(rule, eqx.is_inexact_array)

        def loss(theta, phi, rule_state, age, pool, key):
            end = unroll(
                eqx.combine(theta, static),
                phi,
                rule_state,
                age,
                pool,
                key,
                n_steps,
                max_steps=self.backward_steps,
                config=self.config,
                per_class=self.per_class,
                objective=self.objective,
            )
            return weigh(end.losses, n_steps, self.config.late_weight), end

        of_task = jax.value_and_grad(loss, has_aux=True)
        (losses, end), gradients = jax.lax.map(
            lambda task: of_task(theta, *task),
            (group.phi, group.rule_state, group.age, group.pool, group.keys),
            batch_size=self.tasks_at_once or group.n_tasks,
        )
        gradient, norm, finite = gather(gradients, losses, self.clip_task, self.norm_limit)
        group = group.moved(end.phi, end.rule_state, end.age)
        return Estimate(gradient, group, state, losses, norm, finite)
