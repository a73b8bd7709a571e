"""What every baseline passes."""

from __future__ import annotations

import functools
import inspect
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from metaplastic.evaluation.baselines import (
    BASELINES,
    Baseline,
    LabelledBaseline,
    Unlabelled,
    make_baseline,
)
from metaplastic.evaluation.problem import Problem, load_problem
from metaplastic.evaluation.trials import make_trials

ROWS, TRIALS = 250, make_trials((0, 1), 64)


FAST: dict[str, dict[str, Any]] = {
    "vae": {"steps": 5},
    "dae": {"steps": 5},
    "kmeans": {"restarts": 1},
    "kmeans-512": {},
    "rbm": {"epochs": 1},
    "supervised": {"checks": 1, "decays": (0.0,)},
    "hebbian": {"inner_steps": 5},
    "umap-own": {"features": 2},
    "spectral-own": {"features": 12},
    "self-training": {"rounds": 1},
    "random-forest": {"trees": 10},
    "kmeans-patches": {"side": 3, "patches": 500},
}


@functools.cache
def digits() -> Problem:
    return load_problem("digits")


def fast(name: str) -> Baseline:
    """One with settings of a second; the test is skipped where its package is not installed."""
    if not BASELINES[name].installed():
        pytest.skip(f"{name}: {BASELINES[name].requires} is not installed")
    return make_baseline(name, **FAST.get(name, {}))


@pytest.mark.slow
@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_gives_one_reproducible_encoder_a_trial(name: str) -> None:
    baseline = fast(name)
    x, labels = digits().train[:ROWS], digits().train_labels[:ROWS]
    data = Unlabelled(x.copy(), (16,), 8, "relu", shape=digits().shape)
    rows = np.stack([np.arange(60), np.arange(60, 120)])

    def fit() -> list[Any]:
        if isinstance(baseline, LabelledBaseline):
            return baseline.fit_labelled(data, x[rows], labels[rows], 10, TRIALS)
        return baseline.fit(data, TRIALS)

    encoders, again = fit(), fit()
    np.testing.assert_array_equal(data.inputs, x)  # what it was given is left as it was
    test = digits().test[:30]
    found = [np.asarray(encoder(test)) for encoder in encoders]
    assert len(found) == len(TRIALS)
    width = 10 if baseline.uses_labels else found[0].shape[1]
    for features, encoder in zip(found, again, strict=True):
        assert features.shape == (30, width)
        assert np.isfinite(features).all()
        np.testing.assert_allclose(encoder(test), features, rtol=1e-4, atol=1e-5)
    if baseline.row_by_row and not baseline.uses_labels:
        alone = encoders[0](test[3:4])
        np.testing.assert_allclose(alone, found[0][3:4], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_sees_labels_only_where_it_says_so(name: str) -> None:
    assert BASELINES[name].uses_labels == issubclass(BASELINES[name], LabelledBaseline)
    assert not any("label" in field.name or "target" in field.name for field in fields(Unlabelled))
    if not BASELINES[name].uses_labels:
        given = list(inspect.signature(BASELINES[name].fit).parameters)
        assert given == ["self", "data", "trials", "progress"]


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_allows_every_setting_of_its_grid(name: str) -> None:
    fast(name)
    for chosen in BASELINES[name].grid:
        make_baseline(name, **chosen)
