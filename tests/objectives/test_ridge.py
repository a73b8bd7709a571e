"""The ridge meta-objective against scikit-learn and a loop."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge as ScikitRidge

from metaplastic.errors import ConfigError
from metaplastic.objectives import make_objective
from metaplastic.objectives.ridge import ridge_readout


def _batches(examples: int, n_features: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(2, examples, n_features)) * 2.0 + 1.0
    one_hot = np.eye(3)[rng.integers(3, size=(2, examples))] - 1 / 3
    targets = np.concatenate([one_hot, rng.normal(size=(2, examples, 2))], axis=-1)
    return u.astype(np.float32), targets.astype(np.float32)


@pytest.mark.parametrize("n_features", [4, 40], ids=["primal", "dual"])
@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_readout_agrees_with_scikit_learn(n_features: int, penalty: float) -> None:
    u, y = _batches(20, n_features)
    v, bias = ridge_readout(jnp.asarray(u[0]), jnp.asarray(y[0]), penalty)
    reference = ScikitRidge(alpha=penalty).fit(u[0], y[0])
    np.testing.assert_allclose(v.T, reference.coef_, atol=2e-4)
    np.testing.assert_allclose(bias, reference.intercept_, atol=5e-4)


def test_loss_agrees_with_a_loop() -> None:
    u, y = _batches(20, 6)
    reference = ScikitRidge(alpha=0.1).fit(u[0], y[0])
    distances = []
    for row, truth in zip(u[1], y[1], strict=True):
        prediction = reference.coef_ @ row + reference.intercept_
        norms = math.sqrt(sum(t * t for t in truth)) * math.sqrt(sum(p * p for p in prediction))
        distances.append(1.0 - sum(t * p for t, p in zip(truth, prediction, strict=True)) / norms)
    got = make_objective("ridge")(*(jnp.asarray(a) for a in (u[0], y[0], u[1], y[1])))
    assert float(got) == pytest.approx(np.mean(distances), abs=2e-4)


def test_perfect_features_cost_zero_and_noise_costs_one() -> None:
    y = jnp.asarray(_batches(60, 2)[1])
    objective = make_objective("ridge", penalty=1e-4)
    assert float(objective(y[0], y[0], y[1], y[1])) == pytest.approx(0.0, abs=1e-4)
    noise = jax.random.normal(jax.random.key(0), (2, 60, 4))
    assert 0.7 < float(objective(noise[0], y[0], noise[1], y[1])) < 1.3


def test_gradient_is_finite_for_constant_features() -> None:
    y = jnp.asarray(_batches(20, 4)[1])
    gradient = jax.grad(lambda u: make_objective("ridge")(u, y[0], u, y[1]))(jnp.ones((20, 4)))
    assert bool(jnp.isfinite(gradient).all())


def test_the_error_names_an_unknown_objective() -> None:
    with pytest.raises(ConfigError, match="unknown meta-objective 'rigde'"):
        make_objective("rigde")
