"""Evolution strategies: correct on average, and unbiased where truncated backpropagation is not.

Averages are over independent keys. A deviation of more than three standard errors counts as bias;
the messages contain the variance.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import initialise
from metaplastic.meta.estimators import (
    ESTIMATORS,
    TruncatedBackprop,
)
from metaplastic.meta.estimators.evolution import ParticleSettings
from metaplastic.meta.group import GroupState, Pool
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.objectives import Objective
from metaplastic.rules import Rule, RuleState

from .test_gradients import _estimator, _group, _rule

STRATEGIES = ("es", "pes", "es-single")
EACH = pytest.mark.parametrize("name", STRATEGIES)
TARGET = 13.0
TWO_STEPS = UnrollConfig(batch_size=8, truncation=(2, 2), horizon=(6, 6), late_weight=0.0)


class Drift(Rule):
    """Every bias is 10 + c with c ← c / 2 + θ_0 + t θ_1: no unit is off, and the loss below is
    quadratic in θ, half of whose effect is forgotten in each inner step."""

    name = "drift"
    theta: Any

    @classmethod
    def create(cls, key: Any, **settings: Any) -> Drift:
        return cls(jnp.array([0.2, 0.05]))

    @property
    def settings(self) -> dict[str, Any]:
        return {}

    def update(self, phi: Any, state: RuleState, x: Any, t: Any) -> Any:
        def moved(bias: Any) -> Any:
            c = jnp.where(t == 0, bias, bias - 10.0)
            return 10.0 + c / 2 + self.theta[0] + self.theta[1] * t

        return jax.tree.map(lambda a: moved(a) if a.ndim == 1 else a, phi), state


class Distance(Objective):
    """With batch norm, the mean of a feature is its bias if no unit is off."""

    def __call__(
        self, fit: Any, fit_targets: Any, test: Any, test_targets: Any, n_classes: Any = None
    ) -> Any:
        return (jnp.mean(fit) - TARGET) ** 2


distance = Distance()


def true_gradient(theta: Any, first: int, last: int) -> np.ndarray:
    """Compute that of the mean `distance` after inner steps `first` to `last`, from 1."""

    def loss(theta: Any) -> Any:
        c, losses = 0.0, []
        for t in range(last):
            c = c / 2 + theta[0] + theta[1] * t
            losses.append((10.0 + c - TARGET) ** 2)
        return sum(losses[first - 1 :]) / (last - first + 1)

    return np.asarray(jax.grad(loss)(theta))


def _drifting(tasks: int = 1) -> tuple[Rule, GroupState]:
    rule = Drift.create(jax.random.key(0))
    keys = jax.random.split(jax.random.key(1), tasks)
    phi = jax.vmap(lambda key: initialise(key, (5, 4)))(keys)
    inputs = jax.random.normal(jax.random.key(2), (tasks, 2, 8, 5))
    zeros = jnp.zeros(tasks, jnp.int32)
    pool = Pool(inputs, inputs)
    return rule, GroupState(phi, jax.vmap(rule.init)(phi), zeros, pool, keys, zeros + 6, zeros)


def _make(name: str, config: UnrollConfig, per_class: int, objective: Any, **settings: Any) -> Any:
    settings = settings or {"pairs": 4, "sigma": 0.1}
    particles = ParticleSettings(**settings)
    return ESTIMATORS[name](config, per_class, objective, 1e9, settings=particles)  # pyright: ignore


def _unbiased(estimates: np.ndarray, expected: np.ndarray, name: str) -> str:
    """Assert that the estimates average to `expected`; return a message on their variance."""
    error = estimates.std(axis=0, ddof=1) / len(estimates) ** 0.5
    message = (
        f"{name}: mean {estimates.mean(axis=0)}, expected {expected}, standard error {error}, "
        f"variance of one estimate {estimates.var(axis=0, ddof=1)}"
    )
    assert (np.abs(estimates.mean(axis=0) - expected) <= 3 * error + 1e-5).all(), message
    assert np.linalg.norm(error) < 0.2 * np.linalg.norm(expected), f"too few keys; {message}"
    return message


@pytest.mark.slow
def test_the_mean_of_the_first_truncation_is_the_backpropagated_gradient() -> None:
    """For a real rule; the first truncation is the same in all three strategies."""
    rule, group, steps = _rule(), _group(tasks=1), jnp.array(4)
    backprop = _estimator(TruncatedBackprop)
    wanted = backprop.estimate(rule, group, (), group.keys, steps).gradient
    given = (backprop.config, backprop.per_class, backprop.objective)
    strategy = _make("pes", *given, pairs=16, sigma=0.02)

    @eqx.filter_jit
    def gradients(keys: Any) -> Any:
        def one(key: Any) -> Any:
            state = strategy.init(rule, group, key[None])
            return strategy.estimate(rule, group, state, key[None], steps).gradient

        return jax.lax.map(one, keys)

    found = jax.tree.leaves(gradients(jax.random.split(jax.random.key(3), 60)))
    print(_unbiased(np.stack(found, 1), np.stack(jax.tree.leaves(wanted)), "pes"))


def _truncations(name: str, keys: Any) -> np.ndarray:
    """Compute the gradients (keys, 5, 2) of five truncations of two steps."""
    rule, group = _drifting()
    strategy = _make(name, TWO_STEPS, 2, distance)

    def one(key: Any) -> Any:
        def truncation(carry: Any, k: Any) -> Any:
            now = jax.random.fold_in(key, k + 1)[None]
            found = strategy.estimate(rule, *carry, now, jnp.array(2))
            return (found.group, found.state), found.gradient.theta

        return jax.lax.scan(
            truncation, (group, strategy.init(rule, group, key[None])), jnp.arange(5)
        )[1]

    return np.asarray(eqx.filter_jit(jax.vmap(one))(keys))


@pytest.mark.slow
def test_persistent_strategies_are_unbiased_where_truncations_are_not() -> None:
    rule, group = _drifting()
    theta = rule.theta  # pyright: ignore[reportAttributeAccessIssue]
    keys = jax.random.split(jax.random.key(7), 1000)
    variance = {}
    for name in ("pes", "es-single"):
        found = _truncations(name, keys)
        for k in range(5):
            wanted = true_gradient(theta, 2 * k + 1, 2 * k + 2)
            print(_unbiased(found[:, k], wanted, f"{name}, truncation {k}"))
        variance[name] = found.var(axis=0)[-1].sum()
    # if old perturbations no longer matter, they are noise in ξ, but not in ε: the variance is k
    # times larger if only the last of k truncations matters (Vicol, 2023)
    assert 1.5 * variance["es-single"] < variance["pes"] < 5 * variance["es-single"], variance

    backprop = TruncatedBackprop(TWO_STEPS, 2, distance, 1e9)
    for _ in range(3):
        found = backprop.estimate(rule, group, (), group.keys, jnp.array(2))
        group = found.group
    biased = np.asarray(found.gradient.theta)  # pyright: ignore
    wanted = true_gradient(theta, 5, 6)
    # it only sees the last two steps: ∂c_5 / ∂θ_0 = 1 instead of 1.94
    assert 0.6 < biased[0] / wanted[0] < 0.7


def test_es_agrees_with_full_backpropagation() -> None:
    rule, group = _drifting(tasks=2)
    strategy = _make("es", TWO_STEPS, 2, distance)
    assert (strategy.lengths, strategy.restarts, strategy.backward_steps) == ((6, 6), True, 0)

    def one(key: Any) -> Any:
        keys = jax.random.split(key, 2)
        return strategy.estimate(rule, group, (), keys, jnp.array(6)).gradient.theta

    found = eqx.filter_jit(jax.vmap(one))(jax.random.split(jax.random.key(0), 1000))
    print(_unbiased(np.asarray(found), true_gradient(rule.theta, 1, 6), "es"))  # pyright: ignore


def test_the_sum_over_truncations_of_es_single_is_the_estimate_of_es() -> None:
    """Up to rounding, as it is the same unroll in parts."""
    rule, group = _drifting()
    single, whole = (_make(name, TWO_STEPS, 2, distance) for name in ("es-single", "es"))
    key = jax.random.split(jax.random.key(4), 1)
    wanted = whole.estimate(rule, group, (), key, jnp.array(6)).gradient.theta
    state, total = single.init(rule, group, key), 0.0
    for _ in range(3):
        found = single.estimate(rule, group, state, key, jnp.array(2))
        group, state, total = found.group, found.state, total + found.gradient.theta / 3
    np.testing.assert_allclose(total, wanted, rtol=2e-3)
    assert group.age.tolist() == [6]


def test_the_accumulated_perturbation_is_the_sum_of_all_so_far() -> None:
    rule, group = _drifting()
    strategy = _make("pes", TWO_STEPS, 2, distance)
    state, drawn = strategy.init(rule, group, group.keys), 0.0
    for k in range(3):
        keys = jax.vmap(lambda key, k=k: jax.random.fold_in(key, k))(group.keys)
        drawn = drawn + strategy.draw(rule, keys[0]).theta
        state = strategy.estimate(rule, group, state, keys, jnp.array(2)).state
    np.testing.assert_allclose(state.xi.theta[0], drawn, rtol=1e-6)
    assert state.xi.theta.shape == (1, 4, 2)
    assert jax.tree.leaves(state.particles.phi)[0].shape[:3] == (1, 4, 2)


def test_a_task_with_a_non_finite_particle_is_dropped() -> None:
    rule, group = _drifting(tasks=2)
    strategy = _make("es-single", TWO_STEPS, 2, distance)
    state = strategy.init(rule, group, group.keys)
    phi = jax.tree.map(lambda a: a.at[1, 2, 0].set(jnp.nan), state.particles.phi)
    state = state._replace(particles=state.particles._replace(phi=phi))
    found = strategy.estimate(rule, group, state, group.keys, jnp.array(2))
    assert found.finite.tolist() == [True, False]
    assert np.isfinite(np.asarray(found.gradient.theta)).all()
