"""The base class of evolution strategies: pairs of particles at θ + ε and θ − ε, run side by side.

Nothing is differentiated. Unrolls only run forwards, so memory does not grow with their length; a
chaotic loss is smoothed by Gaussian noise of standard deviation σ; and the objective and the rule
need no derivative. The price is variance, which grows with the number of meta-parameters: that of
each estimate is about `|θ| / pairs` times the squared norm of the gradient. The norms to which
`optimizer.clip_task` and `optimizer.norm_limit` apply consist mostly of this variance.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, PyTree
from pydantic import BaseModel, Field

from metaplastic.base_model import Phi
from metaplastic.meta.estimators.estimator import Estimate, Estimator, gather
from metaplastic.meta.group import GroupState
from metaplastic.meta.unroll import unroll, weigh
from metaplastic.rules import Rule, RuleState
from metaplastic.settings import SettingsModel


class ParticleSettings(SettingsModel):
    """The number and the size of the perturbations."""

    pairs: int = Field(
        default=8, ge=1, description="pairs of particles per task, at θ + ε and θ − ε"
    )
    sigma: float = Field(default=0.01, gt=0, description="σ, the standard deviation of ε")


class Particles(NamedTuple):
    """φ and rule state of the particles of one or several tasks: arrays (..., pairs, 2, ...)."""

    phi: Phi
    rule_state: RuleState


class EvolutionStrategy(Estimator):
    """The mean over pairs of ξ (L(θ + ε) − L(θ − ε)) / 2σ²; strategies differ in how ε and ξ are
    drawn.

    Both particles of a pair, and all pairs, see the same minibatches, so that their losses differ
    only through ε. The group's own φ stays at its initial value: each particle has its own.
    """

    Settings: ClassVar[type[BaseModel]] = ParticleSettings

    settings: ParticleSettings = eqx.field(static=True, default=ParticleSettings())

    @property
    def lengths(self) -> tuple[int, int]:
        return self.config.truncation

    @property
    def backward_steps(self) -> int:
        return 0

    @abc.abstractmethod
    def of_task(
        self, rule: Rule, task: GroupState, state: Any, key: PRNGKeyArray, n_steps: Int[Array, ""]
    ) -> tuple[PyTree[Array], Float[Array, "pairs 2"], Any]:
        """Return a task's gradient, the losses of its particles, and its next state."""

    def estimate(
        self,
        rule: Rule,
        group: GroupState,
        state: PyTree[Array],
        keys: Key[Array, " tasks"],
        n_steps: Int[Array, ""],
    ) -> Estimate:
        def one(arguments: tuple[GroupState, Any, PRNGKeyArray]) -> Any:
            task, task_state, key = arguments
            return self.of_task(rule, task, task_state, key, n_steps)

        at_once = self.tasks_at_once or group.n_tasks
        gradients, losses, state = jax.lax.map(one, (group, state, keys), batch_size=at_once)
        loss = jnp.mean(losses, axis=(1, 2))
        gradient, norm, finite = gather(gradients, loss, self.clip_task, self.norm_limit)
        age = group.age + n_steps.astype(group.age.dtype)
        group = group.moved(group.phi, group.rule_state, age)
        return Estimate(gradient, group, state, loss, norm, finite)

    def particles_at(self, phi: Phi, rule_state: RuleState) -> Particles:
        """Return all particles of one task, at this φ and rule state."""
        shape = (self.settings.pairs, 2)
        return jax.tree.map(
            lambda a: jnp.broadcast_to(a, (*shape, *a.shape)), Particles(phi, rule_state)
        )

    def draw(self, rule: Rule, key: PRNGKeyArray) -> PyTree[Array]:
        """Draw ε for every pair: arrays (pairs, ...) shaped like θ."""
        theta = eqx.filter(rule, eqx.is_inexact_array)
        leaves, structure = jax.tree.flatten(theta)
        drawn = [
            self.settings.sigma * jax.random.normal(k, (self.settings.pairs, *a.shape), a.dtype)
            for k, a in zip(jax.random.split(key, len(leaves)), leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, drawn)

    def run(
        self,
        rule: Rule,
        task: GroupState,
        particles: Particles,
        epsilon: PyTree[Array],
        n_steps: Int[Array, ""],
    ) -> tuple[Float[Array, "pairs 2"], Particles]:
        """Run every particle for `n_steps`; return its loss L and its state afterwards."""
        theta, static = eqx.partition(rule, eqx.is_inexact_array)

        def one(theta: Any, phi: Phi, rule_state: RuleState) -> tuple[Array, Particles]:
            end = unroll(
                eqx.combine(theta, static),
                phi,
                rule_state,
                task.age,
                task.pool,
                task.keys,
                n_steps,
                max_steps=self.lengths[1],
                config=self.config,
                per_class=self.per_class,
                objective=self.objective,
            )
            loss = weigh(end.losses, n_steps, self.config.late_weight)
            return loss, Particles(end.phi, end.rule_state)

        thetas = jax.tree.map(lambda t, e: t[None, None] + jnp.stack([e, -e], 1), theta, epsilon)
        return jax.vmap(jax.vmap(one))(thetas, *particles)

    def slope(self, xi: PyTree[Array], losses: Float[Array, "pairs 2"]) -> PyTree[Array]:
        """Compute the mean over pairs of ξ (L+ − L−) / 2σ², shaped like θ."""
        differences = (losses[:, 0] - losses[:, 1]) / (2 * self.settings.sigma**2 * len(losses))
        return jax.tree.map(lambda x: jnp.tensordot(differences, x, 1), xi)
