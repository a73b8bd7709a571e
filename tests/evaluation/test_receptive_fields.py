"""Numbers for how local receptive fields are, against fields whose numbers are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from metaplastic.evaluation.problem import Problem, load_problem
from metaplastic.evaluation.receptive_fields import MEASURES, locality, touching

SIDE = 8


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Noise images, so that every pixel varies and principal components are any orthogonal axes."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((4000, SIDE * SIDE)).astype(np.float32)
    digits = load_problem("digits")
    return dataclasses.replace(digits, train=rows, shape=(SIDE, SIDE))


def means(fields: np.ndarray, problem: Problem) -> dict[str, float]:
    return {name: float(result["mean"]) for name, result in locality(fields, problem).items()}


def test_a_smooth_field_a_noisy_one_and_a_chequered_one(problem: Problem) -> None:
    down, right = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2, indexing="ij")
    rng = np.random.default_rng(1)
    smooth = means((down + 0.5 * right).reshape(-1, 1), problem)["neighbours"]
    noisy = means(rng.standard_normal((SIDE * SIDE, 200)), problem)["neighbours"]
    chequered = means(((np.indices((SIDE, SIDE)).sum(0) % 2) - 0.5).reshape(-1, 1), problem)
    assert smooth > 0.8
    assert abs(noisy) < 0.05
    assert chequered["neighbours"] == pytest.approx(-1.0)


def test_the_radius_is_none_for_a_pixel_and_one_for_the_whole_image(problem: Problem) -> None:
    pixel = np.zeros((SIDE * SIDE, 1))
    pixel[11] = -3.0
    assert means(pixel, problem)["radius"] == 0.0
    assert means(np.ones((SIDE * SIDE, 1)), problem)["radius"] == pytest.approx(1.0)


def test_a_field_along_principal_components_is_made_of_so_many(problem: Problem) -> None:
    from sklearn.decomposition import PCA

    axes = np.asarray(PCA().fit(problem.train[:2000]).components_)
    fields = np.stack([axes[3], axes[0] + axes[5]], axis=1)
    result = locality(fields, problem)["components"]
    assert result["mean"] == pytest.approx((1 + 2) / 2, rel=1e-3)


def test_pixels_that_hardly_vary_are_left_out(problem: Problem) -> None:
    """Weights of a still border, whatever they are, change nothing."""
    rows = problem.train.reshape(-1, SIDE, SIDE).copy()
    rows[:, :2] = 1.0
    still = dataclasses.replace(problem, train=rows.reshape(len(rows), -1))
    field = np.random.default_rng(2).standard_normal((SIDE * SIDE, 3))
    other = field.copy()
    other[: 2 * SIDE] = 100.0
    assert means(field, still) == pytest.approx(means(other, still))


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3)])
def test_pairs_touch_within_their_channel(shape: tuple[int, ...]) -> None:
    channels = (*shape, 1)[2]
    first, second = touching(shape)
    assert len(first) == channels * (2 * 4 + 3 * 3)
    positions = np.array(np.unravel_index([first, second], (3, 4, channels)))
    apart = np.abs(positions[:, 0] - positions[:, 1])
    assert (apart[:2].sum(axis=0) == 1).all()
    assert (apart[2] == 0).all()


def test_what_is_no_image_has_no_locality_and_a_flat_field_no_correlation(problem: Problem) -> None:
    assert locality(np.ones((2, 1)), load_problem("two_moons")) == {}
    result = locality(np.zeros((SIDE * SIDE, 2)), problem)
    assert set(result) == set(MEASURES)
    assert all(entry["failed"] == 2 for entry in result.values())
