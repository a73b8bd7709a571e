"""ES-single: truncated evolution strategies with one perturbation for the whole task."""

from __future__ import annotations

from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, PyTree

from metaplastic.meta.estimators.evolution import EvolutionStrategy, Particles
from metaplastic.meta.group import GroupState
from metaplastic.rules import Rule


class SingleState(NamedTuple):
    """The particles of every task, and the ε of each pair; arrays (tasks, pairs, ...)."""

    particles: Particles
    epsilon: PyTree[Array]


class SingleEvolution(EvolutionStrategy):
    """ES-single, antithetic. The perturbation of a pair is drawn when its task starts, and kept:

        ε_i ~ N(0, σ² I) once per task
        g_k = 1/N Σ_i ε_i (L_k(θ + ε_i) − L_k(θ − ε_i)) / 2σ²

    Each particle continues from where its last truncation ended; L_k is the weighted loss of
    truncation k. At constant θ, the sum over a task's truncations is the estimate that `es` gives
    of the sum of their losses: this is the unroll of `es`, with θ updated on the way.

    Unbiased while θ changes slowly compared with a task (Vicol proves it for quadratic problems).
    Unlike for `pes`, the variance does not grow with the number of truncations. Cost: 2N forward
    truncations, no backward pass, and the state of 2N particles per task. Successive estimates of a
    task share ε and are correlated. Use it for long tasks cut into short truncations.

    Source: Vicol, Kolter and Swersky (2023), "Low-variance gradient estimation in unrolled
    computation graphs with ES-single"; the same method as noise-reuse evolution strategies, Li et
    al. (2023).
    """

    def init(self, rule: Rule, group: GroupState, keys: Key[Array, " tasks"]) -> SingleState:
        return SingleState(
            jax.vmap(self.particles_at)(group.phi, group.rule_state),
            jax.vmap(lambda key: self.draw(rule, key))(keys),
        )

    def of_task(
        self,
        rule: Rule,
        task: GroupState,
        state: SingleState,
        key: PRNGKeyArray,
        n_steps: Int[Array, ""],
    ) -> tuple[PyTree[Array], Float[Array, "pairs 2"], SingleState]:
        del key
        losses, particles = self.run(rule, task, state.particles, state.epsilon, n_steps)
        return self.slope(state.epsilon, losses), losses, state._replace(particles=particles)
