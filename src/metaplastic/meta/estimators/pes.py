"""Persistent evolution strategies: truncated, yet unbiased."""

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
    """The particles of every task, and ξ, the sum of each pair's perturbations since the task
    started; arrays (tasks, pairs, ...)."""

    particles: Particles
    xi: PyTree[Array]


class PersistentEvolution(EvolutionStrategy):
    """Persistent evolution strategies, antithetic. Each truncation k draws new perturbations:

        ε_ik ~ N(0, σ² I),   ξ_ik = ξ_i(k-1) + ε_ik
        g_k = 1/N Σ_i ξ_ik (L⁺_ik − L⁻_ik) / 2σ²

    The two particles of pair i run truncation k at θ + ε_ik and θ − ε_ik, each from where its own
    last truncation ended; L⁺_ik and L⁻_ik are their weighted losses in truncation k.

    Unbiased: the perturbations of earlier truncations, which shaped the state at the start of
    truncation k, stay in ξ, so that effects over any number of steps are credited, unlike with
    truncated backpropagation. Cost: 2N forward truncations, no backward pass, and the state of 2N
    particles per task. The variance grows with the number of truncations in a task. Use it if
    truncated backpropagation is too biased and whole unrolls are too long or too chaotic for
    `full`; if the variance is too large, use `es-single`.

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
