"""Neighbours, and the baselines built on them, against what is written out by hand."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from metaplastic import neighbours as module
from metaplastic.evaluation.baselines import Unlabelled, make_baseline
from metaplastic.evaluation.baselines.semi_supervised import mixed_rows
from metaplastic.evaluation.baselines.spectral import diffusion_map, kernel
from metaplastic.evaluation.trials import make_trials
from metaplastic.neighbours import Neighbours


def _rows(n=60, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def test_neighbours_by_hand():
    rows, new = _rows(), _rows(5, seed=1)
    indices, distances = Neighbours(rows).query(new, 4)
    for i in range(5):
        far = [float(np.sum((rows[j] - new[i]) ** 2)) ** 0.5 for j in range(60)]
        assert indices[i].tolist() == np.argsort(far)[:4].tolist()
        np.testing.assert_allclose(distances[i], np.sort(far)[:4], rtol=1e-5)


def test_a_row_is_not_its_own_neighbour():
    rows = _rows()
    result = Neighbours(rows)
    indices, _ = result.others(rows, 3)
    assert not (indices == np.arange(60)[:, None]).any()
    new = np.concatenate([rows[:1], _rows(1, seed=1)])
    indices, _ = result.others(new, 3)
    assert 0 not in indices[0]
    np.testing.assert_array_equal(indices[1], result.query(new[1:], 3)[0][0])
    assert result.others(rows, 500)[0].shape == (60, 59)


class _Index:
    """Stands in for pynndescent, whose own compilation takes a minute: exact, and says how it was
    asked."""

    def __init__(self, rows, **asked):
        self.rows, self.asked = rows, asked

    def prepare(self):
        pass

    def query(self, rows, k):
        far = np.sum((rows[:, None] - self.rows[None]) ** 2, axis=2)
        indices = np.argsort(far, axis=1)[:, :k].astype(np.int32)
        return indices, np.sqrt(np.take_along_axis(far, indices, 1))


def test_many_rows_are_searched_approximately_where_that_is_installed(monkeypatch):
    rows = _rows(200, 4)
    exact = Neighbours(rows).query(rows[:20], 10)
    monkeypatch.setattr(module, "EXACT_ROWS", 100)
    monkeypatch.setattr(module, "find_spec", lambda name: name == "pynndescent")
    monkeypatch.setitem(sys.modules, "pynndescent", SimpleNamespace(NNDescent=_Index))
    result = Neighbours(rows, seed=3)
    indices, distances = result.query(rows[:20], 10)
    np.testing.assert_array_equal(indices, exact[0])
    np.testing.assert_allclose(distances, exact[1], atol=1e-3)
    # one job and a seed: the same neighbours every time
    assert result._index.asked["random_state"] == 3
    assert result._index.asked["n_jobs"] == 1
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    np.testing.assert_array_equal(Neighbours(rows).query(rows[:20], 10)[0], exact[0])


def test_lazy_averaging_by_hand():
    rows, new = _rows(20), _rows(4, seed=1)
    baseline = make_baseline("neighbour-mean", neighbours=3, rounds=2, kept=0.25)
    data = Unlabelled(rows, (4,), 4, "relu")
    result = baseline.fit(data, make_trials((0,), 3))[0](np.concatenate([new, rows[:2]]))

    def nearest(x, skip):
        far = np.sum((rows - x) ** 2, axis=1)
        if skip is not None:
            far[skip] = np.inf
        return np.argsort(far)[:3]

    once = np.array(
        [0.25 * r + 0.75 * rows[nearest(r, i)].mean(axis=0) for i, r in enumerate(rows)]
    )
    for i, (x, skip) in enumerate([*((x, None) for x in new), (rows[0], 0), (rows[1], 1)]):
        near = nearest(x, skip)
        first = 0.25 * x + 0.75 * rows[near].mean(axis=0)
        second = 0.25 * first + 0.75 * once[near].mean(axis=0)
        np.testing.assert_allclose(result[i], second, rtol=1e-4, atol=1e-6)


def test_the_diffusion_map_has_the_walks_eigenvectors():
    """Against a dense eigendecomposition of P = D^-1 W."""
    rows = _rows(80, 2)
    indices, distances = Neighbours(rows).others(rows, 8)
    widths, psi = diffusion_map(indices, distances, 5, time=3)
    weights = np.zeros((80, 80))
    for i in range(80):
        for j, d in zip(indices[i], distances[i], strict=True):
            weights[i, j] = np.exp(-(d**2) / (widths[i] * widths[j]))
    weights = (weights + weights.T) / 2
    walk = weights / weights.sum(axis=1, keepdims=True)
    values, vectors = np.linalg.eig(walk)
    order = np.argsort(-values.real)[1:6]  # all but the constant one
    for column, index in enumerate(order):
        value, vector = values[index].real, vectors[:, index].real
        cosine = vector @ psi[:, column] / np.linalg.norm(vector) / np.linalg.norm(psi[:, column])
        assert abs(cosine) == pytest.approx(1, abs=1e-3)
        again = walk @ psi[:, column]
        np.testing.assert_allclose(again, value * psi[:, column], atol=1e-3)
    norms = np.sqrt(weights.sum(axis=1) @ psi**2 / weights.sum())
    np.testing.assert_allclose(norms, values[order].real ** 2, rtol=1e-3)


def test_equal_rows_weigh_one_in_the_kernel():
    distances = np.array([[0.0, 2.0]])
    np.testing.assert_allclose(
        kernel(distances, np.array([[0.0]]), np.array([[0.0, 1.0]])), [[1.0, 1.0]]
    )
    np.testing.assert_allclose(
        kernel(distances, np.array([[2.0]]), np.array([[1.0, 4.0]])), [[1.0, np.exp(-0.5)]]
    )


def test_labelled_rows_come_once_among_the_unlabelled():
    rows = _rows(30)
    mixed, labels = mixed_rows(rows, rows[[3, 7]], np.array([1, 0], np.int32), 100, seed=0)
    assert mixed.shape == (30, 3)
    assert labels.tolist() == [1, 0, *[-1] * 28]
    assert len(np.unique(mixed, axis=0)) == 30
    few, labels = mixed_rows(rows, rows[[3, 7]], np.array([1, 0], np.int32), 10, seed=0)
    assert len(few) == 12
    again, _ = mixed_rows(rows, rows[[3, 7]], np.array([1, 0], np.int32), 10, seed=0)
    np.testing.assert_array_equal(few, again)
