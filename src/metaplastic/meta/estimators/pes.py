"""Persistent evolution strategies: truncated, and unbiased."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, PyTree

from metaplastic.meta.estimators.evolution import EvolutionStrategy, Particles
from metaplastic.meta.group import GroupState
from metaplastic.rules import Rule


class PersistentState(NamedTuple):
    """Of every task: where its particles are, and ξ, the sum of each pair's perturbations since the
    task began; arrays (tasks, pairs, ...)."""

    particles: Particles
    xi: PyTree[Array]


class PersistentEvolution(EvolutionStrategy):
    """Persistent evolution strategies, antithetic. In truncation k, with new perturbations:

        ε_ik ~ N(0, σ² I),   ξ_ik = ξ_i(k-1) + ε_ik
        g_k = 1/N Σ_i ξ_ik (L_k(θ ± ε_i1 … ε_ik)+ − L_k(…)−) / 2σ²

    Each particle continues from where its last truncation ended, with ε of the other sign in the
    other particle of its pair; L_k is the weighted loss of truncation k.

    Unbiased: the perturbations of earlier truncations, which shaped the state that truncation k
    began from, stay in ξ, so that effects of any length are credited, as truncated backpropagation
    does not. Cost: 2N truncations forwards, no backward pass, and the state of 2N particles a task.
    The variance grows with the number of truncations in a task. Pick it where truncated
    backpropagation is biased and whole unrolls are too long or too chaotic for `full`; where the
    variance is too large, `es-single`.

    Source: Vicol, Metz and Sohl-Dickstein (2021), "Unbiased gradient estimation in unrolled
    computation graphs with persistent evolution strategies".
    """

    def init(self, rule: Rule, group: GroupState, keys: Key[Array, " tasks"]) -> PersistentState:
        theta = eqx.filter(rule, eqx.is_inexact_array)
        shape = (group.n_tasks, self.settings.pairs)
        return PersistentState(
            jax.vmap(self.particles_at)(group.phi, group.rule_state),
            jax.tree.map(lambda a: jnp.zeros((*shape, *a.shape), a.dtype), theta),
        )

    def of_task(
        self,
        rule: Rule,
        task: GroupState,
        state: PersistentState,
        key: PRNGKeyArray,
        n_steps: Int[Array, ""],
    ) -> tuple[PyTree[Array], Float[Array, "pairs 2"], PersistentState]:
        epsilon = self.draw(rule, key)
        xi = jax.tree.map(jnp.add, state.xi, epsilon)
        losses, particles = self.run(rule, task, state.particles, epsilon, n_steps)
        return self.slope(xi, losses), losses, PersistentState(particles, xi)
