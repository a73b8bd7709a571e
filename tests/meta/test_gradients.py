"""Meta-gradients: against finite differences, with and without rematerialisation, and more."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import initialise
from metaplastic.meta.estimators import (
    Estimate,
    FullBackprop,
    LateBackprop,
    TruncatedBackprop,
)
from metaplastic.meta.estimators.estimator import gather
from metaplastic.meta.group import GroupState, Pool
from metaplastic.meta.unroll import (
    UnrollConfig,
    bound_cotangent,
    unroll,
    weigh,
)
from metaplastic.objectives import Ridge
from metaplastic.rules import make_rule

CLASSES, EXAMPLES, PER_CLASS, TASKS = 3, 8, 4, 2
SIZES = (6, 5, 4)


def _group(seed: int = 0, tasks: int = TASKS) -> GroupState:
    """Make tasks whose classes are clouds around different points, without a data set."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(tasks, CLASSES, 1, SIZES[0]))
    inputs = centres + 0.5 * rng.normal(size=(tasks, CLASSES, EXAMPLES, SIZES[0]))
    one_hot = np.eye(CLASSES) - 1 / CLASSES
    targets = np.broadcast_to(one_hot[None, :, None], (tasks, CLASSES, EXAMPLES, CLASSES))
    keys = jax.random.split(jax.random.key(seed), tasks)
    phi, rule_state = _begin(keys)
    return GroupState(
        phi=phi,
        rule_state=rule_state,
        age=jnp.zeros((tasks,), jnp.int32),
        pool=Pool(
            jnp.asarray(inputs, phi.weights[0].dtype), jnp.asarray(targets, phi.weights[0].dtype)
        ),
        keys=keys,
        horizon=jnp.full((tasks,), 10),
        serial=jnp.zeros((tasks,), jnp.int32),
    )


@jax.jit
def _begin(keys):
    # a smooth activation, since finite differences fail at the kink of ReLU
    phi = jax.vmap(lambda k: initialise(k, SIZES, "tanh"))(keys)
    return phi, jax.vmap(_rule().init)(phi)


def _rule():
    """Return the hand-designed rule, which compiles in seconds: most behaviour is the same for
    every rule."""
    return make_rule("hebbian", jax.random.key(1), half_life=10.0)


def _learned_rule():
    rule = make_rule(
        "local", jax.random.key(1), hidden=4, error_channels=2, readout_channels=2, half_life=10.0
    )
    dtype = jnp.result_type(float)
    return jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, rule)


def _estimator(kind=TruncatedBackprop, *, clip: float = 1e9, at_once: int | None = None, **config):
    settings = {"batch_size": 8, "truncation": (1, 4), "horizon": (4, 4), **config}
    return kind(UnrollConfig.model_validate(settings), PER_CLASS, Ridge(), clip, at_once)


@eqx.filter_jit
def _estimate(estimator, rule, group: GroupState, steps) -> Estimate:
    return estimator.estimate(rule, group, (), group.keys, steps)


def _flat(tree) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in jax.tree.leaves(tree)])


@pytest.fixture(scope="module")
def learned() -> tuple[Any, GroupState, Estimate]:
    """The learned rule, a group, and the estimate after three steps, in float64."""
    with jax.enable_x64(True):
        rule, group = _learned_rule(), _group()
        return rule, group, _estimate(_estimator(), rule, group, jnp.array(3))


@pytest.mark.slow
def test_agrees_with_finite_differences_in_float64(learned) -> None:
    learned_rule, group, got = learned
    theta, static = eqx.partition(learned_rule, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(theta)
    estimator = _estimator()

    def loss(h: float, direction: list[np.ndarray]) -> float:
        """Return the loss at θ moved by `h`, from the same compiled program as the gradient."""
        moved = [jnp.asarray(np.asarray(a) + h * d) for a, d in zip(leaves, direction, strict=True)]
        rule = eqx.combine(jax.tree.unflatten(tree, moved), static)
        return float(np.mean(_estimate(estimator, rule, group, jnp.array(3)).loss))

    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        for _ in range(4):
            direction = [rng.normal(size=a.shape) for a in leaves]
            analytic = sum(
                float(np.sum(np.asarray(g) * d))
                for g, d in zip(jax.tree.leaves(got.gradient), direction, strict=True)
            )
            ends = [loss(h, direction) for h in (1e-6, -1e-6)]
            numeric = (ends[0] - ends[1]) / 2e-6
            assert analytic == pytest.approx(numeric, rel=2e-4, abs=1e-7)


@pytest.mark.slow
def test_rematerialisation_does_not_change_the_gradient(learned) -> None:
    rule, group, expected = learned
    with jax.enable_x64(True):
        got = _estimate(_estimator(rematerialise=False), rule, group, jnp.array(3))
    gradient = _flat(expected.gradient)
    np.testing.assert_allclose(_flat(got.gradient), gradient, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-9)


@pytest.mark.slow
def test_the_number_of_tasks_at_once_does_not_change_the_gradient() -> None:
    rule, group, steps = _rule(), _group(), jnp.array(4)
    one = _estimate(_estimator(), rule, group, steps)
    two = _estimate(_estimator(at_once=1), rule, group, steps)
    np.testing.assert_allclose(_flat(one.gradient), _flat(two.gradient), rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(one.loss, two.loss, rtol=1e-5)


def test_truncation_changes_only_the_gradient() -> None:
    rule, group = _rule(), _group()
    whole = _estimate(_estimator(), rule, group, jnp.array(4)).group
    first = _estimate(_estimator(), rule, group, jnp.array(1)).group
    cut = _estimate(_estimator(), rule, first, jnp.array(3)).group
    np.testing.assert_allclose(_flat(whole.phi), _flat(cut.phi), atol=1e-6)
    assert whole.age.tolist() == cut.age.tolist() == [4, 4]


def test_full_backprop_is_one_truncation_of_the_whole_horizon() -> None:
    rule, group = _rule(), _group()
    full = _estimate(_estimator(FullBackprop), rule, group, jnp.array(4))
    truncated = _estimate(_estimator(), rule, group, jnp.array(4))
    np.testing.assert_allclose(_flat(full.gradient), _flat(truncated.gradient), rtol=1e-5)
    assert FullBackprop.lengths.fget(_estimator(FullBackprop)) == (4, 4)  # pyright: ignore
    assert _estimator(FullBackprop).restarts
    assert not _estimator().restarts


def test_late_backprop_is_a_truncation_at_the_end_of_the_horizon() -> None:
    rule, group = _rule(), _group()
    late = _estimator(LateBackprop, truncation=(1, 3))
    assert (late.lengths, late.backward_steps, late.restarts) == ((4, 4), 3, True)
    got = _estimate(late, rule, group, jnp.array(4))
    advanced = _estimate(_estimator(), rule, group, jnp.array(1)).group
    expected = _estimate(_estimator(), rule, advanced, jnp.array(3))
    np.testing.assert_allclose(_flat(got.gradient), _flat(expected.gradient), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-5)
    np.testing.assert_allclose(_flat(got.group.phi), _flat(expected.group.phi), atol=1e-6)
    assert got.group.age.tolist() == [4, 4]


def test_late_backprop_over_all_steps_is_full() -> None:
    rule, group = _rule(), _group()
    late = _estimate(_estimator(LateBackprop, truncation=(1, 9)), rule, group, jnp.array(4))
    full = _estimate(_estimator(FullBackprop), rule, group, jnp.array(4))
    np.testing.assert_allclose(_flat(late.gradient), _flat(full.gradient), rtol=1e-4, atol=1e-7)


def test_a_non_finite_task_does_not_contribute_to_the_gradient() -> None:
    rule, group, steps = _rule(), _group(), jnp.array(2)
    broken = eqx.tree_at(lambda g: g.pool.inputs, group, group.pool.inputs.at[1].set(jnp.nan))
    got = _estimate(_estimator(), rule, broken, steps)
    assert got.finite.tolist() == [True, False]
    # the finite task twice, whose mean is its gradient: with two tasks, the program is the same
    finite = jax.tree.map(lambda a: a[jnp.array([0, 0])], group)
    expected = _estimate(_estimator(), rule, finite, steps)
    np.testing.assert_allclose(_flat(got.gradient), _flat(expected.gradient), rtol=1e-4, atol=1e-7)


def test_each_task_is_clipped_before_the_mean() -> None:
    rule, group, steps = _rule(), _group(), jnp.array(4)
    free = _estimate(_estimator(), rule, group, steps)
    clip = float(free.norm.min()) * 0.5
    clipped = _estimate(_estimator(clip=clip), rule, group, steps)
    np.testing.assert_allclose(clipped.norm, free.norm, rtol=1e-5)
    assert np.linalg.norm(_flat(clipped.gradient)) <= clip * (1 + 1e-5)


def test_a_task_beyond_the_norm_limit_is_dropped_like_a_non_finite_one() -> None:
    gradients = {"a": jnp.array([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])}
    mean, norm, finite = gather(gradients, jnp.zeros(3), clip=1.0, limit=10.0)
    np.testing.assert_allclose(norm, [5.0, 0.5, 50.0], rtol=1e-6)
    assert finite.tolist() == [True, True, False]
    np.testing.assert_allclose(mean["a"], [(0.6 + 0.3) / 2, (0.8 + 0.4) / 2], rtol=1e-6)


def test_no_label_reaches_the_rule() -> None:
    rule, group = _rule(), _group()
    shuffled = eqx.tree_at(lambda g: g.pool.targets, group, group.pool.targets[:, ::-1] * 3.0)
    one, two = (_estimate(_estimator(), rule, g, jnp.array(4)) for g in (group, shuffled))
    np.testing.assert_array_equal(_flat(one.group.phi), _flat(two.group.phi))


@pytest.mark.parametrize("limit", [0.1, 1e3])
def test_a_long_cotangent_is_scaled_to_the_limit(limit: float) -> None:
    phi = initialise(jax.random.key(0), SIZES)
    plain = jax.grad(lambda p: jnp.sum(p.weights[0] ** 3))(phi)
    value, bounded = jax.value_and_grad(
        lambda p: jnp.sum(bound_cotangent(p, limit).weights[0] ** 3)
    )(phi)
    norm = np.linalg.norm(_flat(plain))
    assert value == jnp.sum(phi.weights[0] ** 3)
    np.testing.assert_allclose(_flat(bounded), _flat(plain) * min(1.0, limit / norm), rtol=1e-5)


@pytest.mark.slow
def test_only_a_low_cotangent_limit_changes_the_gradient() -> None:
    rule, group, steps = _rule(), _group(), jnp.array(4)
    plain, far, near = (
        _flat(_estimate(_estimator(cotangent_limit=limit), rule, group, steps).gradient)
        for limit in (None, 1e6, 0.01)
    )
    np.testing.assert_allclose(far, plain, rtol=1e-4, atol=1e-6)
    assert 0 < np.linalg.norm(near) < np.linalg.norm(plain)


def test_weights_of_late_losses_by_hand() -> None:
    losses = jnp.array([1.0, 2.0, 3.0, 99.0])
    assert float(weigh(losses, jnp.array(3), 0.0)) == pytest.approx(2.0)
    expected = (1 * 1 / 9 + 2 * 4 / 9 + 3 * 1) / (1 / 9 + 4 / 9 + 1)
    assert float(weigh(losses, jnp.array(3), 2.0)) == pytest.approx(expected)


def test_steps_after_n_steps_are_not_taken() -> None:
    rule, group = _rule(), _group()
    one = jax.tree.map(lambda a: a[0], group)
    end = unroll(
        rule,
        one.phi,
        one.rule_state,
        one.age,
        one.pool,
        one.keys,
        jnp.array(2),
        max_steps=4,
        config=_estimator().config,
        per_class=PER_CLASS,
        objective=Ridge(),
    )
    assert int(end.age) == 2
    assert (end.losses[2:] == 0).all()
    assert (end.losses[:2] > 0).all()
