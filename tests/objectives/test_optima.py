"""Meta-objectives against scikit-learn and loops."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as ScikitRidge
from sklearn.metrics import log_loss, r2_score

from tests.objectives.test_every_objective import CLASSES, LABELS, batches, compiled

LABEL = np.repeat(np.arange(CLASSES), LABELS)


@pytest.mark.parametrize(("penalty", "steps", "within"), [(1e-2, 10, 0.01), (1e-3, 300, 0.002)])
def test_logistic_reaches_scikit_learns_optimum(penalty: float, steps: int, within: float) -> None:
    u, _, u_test, _ = (np.asarray(a, np.float64) for a in batches(1.0))
    size = np.sum((u - u.mean(0)) ** 2)
    reference = LogisticRegression(C=1 / (penalty * size), tol=1e-8, max_iter=5000).fit(u, LABEL)
    expected = log_loss(LABEL, reference.predict_proba(u_test)) / np.log(CLASSES)
    objective = compiled("logistic", penalties=[penalty], steps=steps)
    got = objective(*batches(1.0))
    assert float(got) == pytest.approx(expected, abs=within)


def test_squared_distance_is_that_of_scikit_learns_ridge() -> None:
    u, y, u_test, y_test = (np.asarray(a) for a in batches(1.0))
    prediction = ScikitRidge(alpha=0.5).fit(u, y).predict(u_test)
    objective = compiled("ridge", penalty=0.5, distance="squared")
    expected = np.mean(np.sum((prediction - y_test) ** 2, axis=1))
    assert float(objective(*batches(1.0))) == pytest.approx(expected, rel=1e-3)


def test_regression_is_one_minus_r_squared_of_continuous_targets() -> None:
    u, y, u_test, y_test = (np.asarray(a) for a in batches(1.0))
    size = np.sum((u - u.mean(0)) ** 2)
    prediction = ScikitRidge(alpha=0.05 * size).fit(u, y[:, CLASSES:]).predict(u_test)
    got = compiled("regression", penalties=[0.05])(*batches(1.0))
    assert float(got) == pytest.approx(1 - r2_score(y_test[:, CLASSES:], prediction), rel=1e-3)


def test_regression_ignores_constant_targets() -> None:
    u, y, u_test, y_test = batches(1.0)
    objective = compiled("regression")
    expected = float(objective(u, y, u_test, y_test))
    with_constant = [jnp.concatenate([a, jnp.zeros((len(a), 1))], axis=1) for a in (y, y_test)]
    assert float(objective(u, with_constant[0], u_test, with_constant[1])) == pytest.approx(
        expected, rel=1e-5
    )
    all_constant = [
        jnp.concatenate([a[:, :CLASSES], jnp.zeros((len(a), 2))], axis=1) for a in with_constant
    ]
    assert float(objective(u, all_constant[0], u_test, all_constant[1])) == 0.0


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max())
    return e / e.sum()


def test_nearest_mean_agrees_with_a_loop() -> None:
    u, _, u_test, _ = (np.asarray(a, np.float64) for a in batches(1.0))
    scale = 0.3 * np.mean(np.sum((u - u.mean(0)) ** 2, axis=1))
    means = u.reshape(CLASSES, LABELS, -1).mean(axis=1)
    losses = [
        -np.log(_softmax(np.array([-np.sum((row - m) ** 2) / scale for m in means]))[c])
        for row, c in zip(u_test, LABEL, strict=True)
    ]
    got = compiled("nearest-mean", temperature=0.3)(*batches(1.0))
    assert float(got) == pytest.approx(np.mean(losses) / np.log(CLASSES), rel=1e-3)


def test_retrieval_agrees_with_a_loop() -> None:
    u, _, u_test, _ = (np.asarray(a, np.float64) for a in batches(1.0))
    rows, labels = np.concatenate([u, u_test]), np.tile(LABEL, 2)
    scale = 0.3 * np.mean(np.sum((rows - rows.mean(0)) ** 2, axis=1))
    losses = []
    for i, row in enumerate(rows):
        others = np.delete(np.arange(len(rows)), i)
        p = _softmax(np.array([-np.sum((row - rows[j]) ** 2) / scale for j in others]))
        losses.append(-np.log(p[labels[others] == labels[i]].sum()))
    got = compiled("retrieval", temperature=0.3)(*batches(1.0))
    assert float(got) == pytest.approx(np.mean(losses) / np.log(CLASSES), rel=1e-3)
