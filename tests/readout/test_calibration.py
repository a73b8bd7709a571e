"""Temperatures against a grid search, and calibrated probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from metaplastic.readout.calibration import fit_temperature, probabilities


def drawn(rows: int = 4000, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores, and labels from their softmax."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, (rows, classes))
    p = probabilities(scores, 1.0)
    return scores, np.array([rng.choice(classes, p=row) for row in p])


@pytest.mark.parametrize("factor", [0.1, 1.0, 30.0])
def test_the_true_temperature_is_recovered_at_any_scale(factor: float) -> None:
    scores, labels = drawn()
    assert fit_temperature(scores * factor, labels) == pytest.approx(factor, rel=0.1)


def test_it_minimises_the_log_loss_and_keeps_the_order_of_classes() -> None:
    scores, labels = drawn(300)
    scores = scores * 5

    def loss(temperature: float) -> float:
        p = probabilities(scores, temperature)
        return -np.log(p[np.arange(300), labels]).sum() - np.log(p).mean()

    grid = np.exp(np.linspace(-6, 6, 2001))
    best = grid[np.argmin([loss(t) for t in grid])]
    temperature = fit_temperature(scores, labels)
    assert temperature == pytest.approx(best, rel=0.02)
    p = probabilities(scores, temperature)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(p.argmax(axis=1), scores.argmax(axis=1))


def test_few_rows_without_a_mistake_do_not_give_certainty() -> None:
    scores, labels = np.eye(2)[[0, 1, 0, 1]], np.array([0, 1, 0, 1])
    p = probabilities(scores, fit_temperature(scores, labels))
    assert 0.7 < p.max() < 0.97


def test_without_finite_scores_the_temperature_is_one() -> None:
    assert fit_temperature(np.full((3, 2), -np.inf), np.array([0, 1, 0])) == 1.0
