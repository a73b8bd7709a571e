"""Evolution strategies over the whole unroll."""

from __future__ import annotations

from typing import Any

from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from metaplastic.meta.estimators.evolution import EvolutionStrategy
from metaplastic.meta.group import GroupState
from metaplastic.rules import Rule


class FullEvolution(EvolutionStrategy):
    """Evolution strategies, antithetic, from the random φ to the end of the horizon:

        g = 1/N Σ_i ε_i (L(θ + ε_i) − L(θ − ε_i)) / 2σ²,   ε_i ~ N(0, σ² I)

    with L the weighted loss of the whole unroll. Every task is new in each meta-step.

    Unbiased for the smoothed loss E_ε L(θ + ε), over any horizon. Cost: 2N forward unrolls and no
    backward pass; memory does not grow with the horizon. θ is updated only once per unroll, which
    `pes` and `es-single` improve on. Use it as the reference for those two, for chaotic unrolls
    that are not long, and for objectives without a derivative.

    Source: Salimans et al. (2017), "Evolution strategies as a scalable alternative to reinforcement
    learning"; in meta-training, Metz et al. (2019), "Understanding and correcting pathologies in
    the training of learned optimizers".
    """

    @property
    def lengths(self) -> tuple[int, int]:
        return self.config.horizon

    @property
    def restarts(self) -> bool:
        return True

    def of_task(
        self, rule: Rule, task: GroupState, state: Any, key: PRNGKeyArray, n_steps: Int[Array, ""]
    ) -> tuple[PyTree[Array], Float[Array, "pairs 2"], Any]:
        epsilon = self.draw(rule, key)
        particles = self.particles_at(task.phi, task.rule_state)
        losses, _ = self.run(rule, task, particles, epsilon, n_steps)
        return self.slope(epsilon, losses), losses, state
