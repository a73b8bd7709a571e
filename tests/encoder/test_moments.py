"""Scalar mean and standard deviation against NumPy's, whatever the matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_matrix

from metaplastic.data import Split, fit_scale
from metaplastic.encoder.moments import Moments, moments_of, take_rows

MATRICES = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 30), st.integers(1, 8)), elements=st.floats(-1e6, 1e6)
)


@settings(max_examples=60, deadline=None)
@given(x=MATRICES, cut=st.integers(0, 30))
def test_they_are_numpys_whole_or_in_parts(x: np.ndarray, cut: int) -> None:
    whole = moments_of(x)
    parts = Moments(0, 0.0, 0.0).merge(moments_of(x[:cut])).merge(moments_of(x[cut:]))
    for found in (whole, parts, moments_of(csr_matrix(x))):
        assert found.count == x.size
        np.testing.assert_allclose(found.mean, x.mean(), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.std, x.std(), rtol=1e-6, atol=1e-6 * (1 + np.abs(x).max()))


def test_they_are_those_of_the_data_room() -> None:
    x = np.random.default_rng(0).integers(0, 256, (9000, 49)).astype(np.float32)
    ours, theirs = moments_of(x).scale, fit_scale(Split(x, np.zeros(len(x), np.int32)))
    np.testing.assert_allclose([ours.mean, ours.std], [theirs.mean, theirs.std], rtol=1e-9)
    some = np.array([3, 1, 2])
    np.testing.assert_allclose(take_rows(x, some, ours), theirs.apply(x[some]), atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e12])
def test_constant_numbers_have_standard_deviation_one(value: float) -> None:
    x = np.full((100, 7), value)
    scale = moments_of(x).scale
    assert scale.std == 1.0
    np.testing.assert_allclose(take_rows(x, slice(0, 3), scale), 0.0, atol=1e-3)


def test_small_numbers_are_not_constant() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)) * 1e-20
    np.testing.assert_allclose(moments_of(x).scale.std, x.std())
