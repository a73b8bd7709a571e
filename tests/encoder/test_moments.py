"""Scalar mean and standard deviation against NumPy's, whatever the matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_matrix

from metaplastic.data import Split, fit_scale
from metaplastic.encoder.moments import column_moments, take_rows
from metaplastic.encoder.scale import choose_scale, evenness, scale_of

MATRICES = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 30), st.integers(1, 8)), elements=st.floats(-1e6, 1e6)
)


@settings(max_examples=60, deadline=None)
@given(x=MATRICES, cut=st.integers(1, 30))
def test_they_are_numpys_whole_or_in_parts(x: np.ndarray, cut: int) -> None:
    whole = column_moments(x)
    parts = column_moments(x[:cut])
    if cut < len(x):
        parts = parts.merge(column_moments(x[cut:]))
    for actual in (whole, parts, column_moments(csr_matrix(x))):
        near = {"rtol": 1e-6, "atol": 1e-6 * (1 + np.abs(x).max())}
        assert actual.count == len(x)
        np.testing.assert_allclose(actual.mean, x.mean(axis=0), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(actual.std, x.std(axis=0), **near)
        pooled = actual.pooled()
        assert pooled.count == x.size
        np.testing.assert_allclose(pooled.mean, x.mean(), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(pooled.std, x.std(), **near)


def test_they_are_those_of_the_data_room() -> None:
    x = np.random.default_rng(0).integers(0, 256, (9000, 49)).astype(np.float32)
    ours, theirs = (
        scale_of(column_moments(x).pooled()),
        fit_scale(Split(x, np.zeros(len(x), np.int32))),
    )
    np.testing.assert_allclose([ours.mean, ours.std], [theirs.mean, theirs.std], rtol=1e-9)
    some = np.array([3, 1, 2])
    np.testing.assert_allclose(take_rows(x, some, ours), theirs.apply(x[some]), atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e12])
def test_constant_numbers_have_standard_deviation_one(value: float) -> None:
    x = np.full((100, 7), value)
    scale = scale_of(column_moments(x).pooled())
    assert scale.std == 1.0
    np.testing.assert_allclose(take_rows(x, slice(0, 3), scale), 0.0, atol=1e-3)


def test_small_numbers_are_not_constant() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)) * 1e-20
    np.testing.assert_allclose(scale_of(column_moments(x).pooled()).std, x.std())


def test_columns_of_one_unit_share_a_scale_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 10))
    assert choose_scale("auto", column_moments(x)) == "global"
    assert choose_scale("auto", column_moments(x * np.logspace(0, 4, 10))) == "columns"
    assert choose_scale("global", column_moments(x * np.logspace(0, 4, 10))) == "global"
    # by hand: variances 1, 1 and 4, and a column that does not vary
    y = np.array([[1.0, 1.0, 2.0, 7.0], [-1.0, -1.0, -2.0, 7.0]])
    assert evenness(column_moments(y)) == pytest.approx(((1 + 1 + 4) ** 2 / (1 + 1 + 16) - 1) / 2)
    assert evenness(column_moments(np.full((5, 3), 0.1))) == 1.0


def test_columns_are_standardised_and_clipped_at_ten_deviations() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 3)) * [1e-3, 1.0, 1e6] + [5.0, 0.0, -1e7]
    x[0] = [5.0 + 1.0, -4.0, 0.0]
    scale = scale_of(column_moments(x))
    actual = take_rows(x, slice(None), scale)
    expected = np.clip((x - x.mean(axis=0)) / x.std(axis=0), -10, 10)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
    assert actual[0, 0] == 10.0
