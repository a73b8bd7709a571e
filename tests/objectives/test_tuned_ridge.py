"""The tuned ridge meta-objective against scikit-learn, and its purpose."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge as ScikitRidge

from metaplastic.objectives import make_objective
from metaplastic.objectives.tuned_ridge import leave_one_out

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)


def _batches(noise: float, seed: int = 0) -> list[np.ndarray]:
    """Two batches of 10 examples of each of 4 classes, 12 features."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((4, 12))
    labels = np.repeat(np.arange(4), 10)
    u = centres[labels] + noise * rng.standard_normal((2, 40, 12))
    y = np.eye(4)[labels] - 0.25
    return [np.asarray(a, np.float32) for a in (u[0], y, u[1], y)]


def _loss(batches: list[np.ndarray], name: str = "tuned-ridge", **settings) -> float:
    return float(make_objective(name, **settings)(*(jnp.asarray(a) for a in batches)))


@pytest.mark.parametrize(("spread", "best"), [(1.0, {2, 3}), (0.01, {0, 1})])
def test_the_loss_is_that_of_the_best_penalty(spread: float, best: set[int]) -> None:
    """Classes differ along directions with more variance than the noise, or with less."""
    u, y, u_test, y_test = _batches(1.0)
    noise = np.random.default_rng(3).standard_normal((2, 40, 4)).astype(np.float32)
    u, u_test = np.hstack([spread * u, noise[0]]), np.hstack([spread * u_test, noise[1]])
    losses = []
    for penalty in PENALTIES:
        absolute = penalty * len(u) * np.mean(np.sum((u - u.mean(0)) ** 2, axis=1))
        guess = ScikitRidge(alpha=absolute).fit(u, y).predict(u_test)
        dot = np.sum(guess * y_test, axis=1)
        norms = np.linalg.norm(guess, axis=1) * np.linalg.norm(y_test, axis=1)
        losses.append(np.mean(1.0 - dot / norms))
    assert int(np.argmin(losses)) in best
    chosen = _loss([u, y, u_test, y_test], chosen_on="test")
    assert chosen == pytest.approx(min(losses), abs=2e-4)


@pytest.mark.parametrize("noise", [0.5, 3.0])
def test_the_penalty_can_be_chosen_without_the_batch_of_the_loss(
    noise: float,
) -> None:
    """Leave-one-out in closed form against refitting without each example."""
    u, y, u_test, y_test = _batches(noise)
    size = np.sum((u - u.mean(0)) ** 2)
    masks = ~np.eye(len(u), dtype=bool)
    guesses = [
        np.stack([ScikitRidge(alpha=p * size).fit(u[k], y[k]).predict(u[~k])[0] for k in masks])
        for p in PENALTIES
    ]
    for penalty, guess in zip(PENALTIES, guesses, strict=True):
        ours = leave_one_out(jnp.asarray(u), jnp.asarray(y), float(penalty * size))
        np.testing.assert_allclose(ours, guess, atol=2e-3)
    best = PENALTIES[int(np.argmin([_cosine_distance(y, guess) for guess in guesses]))]
    expected = _loss([u, y, u_test, y_test], penalties=(best,))
    chosen = _loss([u, y, u_test, y_test])
    assert chosen == pytest.approx(expected, abs=1e-5)
    # with other targets in the batch of the loss, the choice stays the same
    shifted = np.roll(y_test, 10, axis=0)
    assert _loss([u, y, u_test, shifted]) == pytest.approx(
        _loss([u, y, u_test, shifted], penalties=(best,)), abs=1e-5
    )
    assert _loss([u, y, u_test, shifted], chosen_on="test") <= _loss([u, y, u_test, shifted])


def _cosine_distance(y: np.ndarray, guess: np.ndarray) -> float:
    norms = np.linalg.norm(guess, axis=1) * np.linalg.norm(y, axis=1)
    return float(np.mean(1.0 - np.sum(guess * y, axis=1) / norms))


def test_the_scale_of_the_features_does_not_matter() -> None:
    u, y, u_test, y_test = _batches(1.0)
    expected = _loss([u, y, u_test, y_test])
    for scale in (0.01, 100.0):
        assert _loss([u * scale, y, u_test * scale, y_test]) == pytest.approx(expected, abs=1e-4)


def test_it_does_not_require_features_of_unequal_variance() -> None:
    """Noise features of full variance cost a small fixed penalty far more."""
    u, y, u_test, y_test = _batches(0.3)
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((2, 40, 24)).astype(np.float32)
    noisy = [np.hstack([u, noise[0]]), y, np.hstack([u_test, noise[1]]), y_test]
    fixed = partial(_loss, name="ridge")
    costs = {
        "tuned": _loss(noisy) - _loss([u, y, u_test, y_test]),
        "fixed": fixed(noisy) - fixed([u, y, u_test, y_test]),
    }
    assert costs["tuned"] < 0.6 * costs["fixed"]


def test_the_gradient_agrees_with_finite_differences() -> None:
    u, y, u_test, y_test = (jnp.asarray(a) for a in _batches(1.0))
    objective = make_objective("tuned-ridge")
    direction = jax.random.normal(jax.random.key(1), u.shape)

    def along(t: float) -> jax.Array:
        return objective(u + t * direction, y, u_test, y_test)

    numeric = (along(1e-2) - along(-1e-2)) / 2e-2
    assert float(jax.grad(along)(0.0)) == pytest.approx(float(numeric), rel=0.02)


def test_gradient_is_finite_for_constant_features() -> None:
    y = jnp.asarray(_batches(1.0)[1])
    objective = make_objective("tuned-ridge")
    gradient = jax.grad(lambda u: objective(u, y, u, y))(jnp.ones((40, 12)))
    assert bool(jnp.isfinite(gradient).all())
