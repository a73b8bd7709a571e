"""scikit-learn's own checks, and the ways its users put a transformer to use."""

from __future__ import annotations

import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.encoder.conftest import HEBBIAN, RULE

from metaplastic import PlasticEncoder


# of some thirty shapes, each compiled: one hidden layer instead of two, and the rule designed by
# hand, for which that takes a tenth of the time
@parametrize_with_checks([PlasticEncoder(rule=HEBBIAN, hidden_layer_sizes=(16,))])
def test_estimator(estimator: PlasticEncoder, check) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        checks.check_fit2d_1sample,
        checks.check_fit2d_1feature,
        checks.check_fit_idempotent,
        checks.check_methods_sample_order_invariance,
        checks.check_methods_subset_invariance,
        checks.check_transformer_general,
    ],
    ids=lambda check: check.__name__,
)
def test_estimator_with_the_shipped_rule(check) -> None:
    """Those of the checks that compare features, or fit data of a shape hard on a rule."""
    check("PlasticEncoder", PlasticEncoder(rule=RULE, hidden_layer_sizes=(16,)))


def test_array_api_check_too() -> None:
    """scikit-learn skips one check unless SciPy was imported with its array API switched on."""
    pytest.importorskip("array_api_strict")
    code = (
        "import jax, sklearn.utils.estimator_checks as checks\n"
        "from metaplastic import PlasticEncoder\n"
        "from metaplastic.rules import make_rule\n"
        "encoder = PlasticEncoder(rule=make_rule('hebbian', jax.random.key(0)), max_iter=2)\n"
        "for estimator, check in checks.estimator_checks_generator(encoder):\n"
        "    if 'array_api' in check.func.__name__:\n"
        "        check(estimator)\n"
        "        print('passed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "passed" in done.stdout


@pytest.fixture(scope="module")
def fitted(digits) -> PlasticEncoder:
    return PlasticEncoder(HEBBIAN, max_iter=5, random_state=0).fit(digits[0])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_in_and_out(library: str, fitted: PlasticEncoder, digits) -> None:
    frames = pytest.importorskip(library)
    x = digits[0][:100]
    names = [f"pixel{i}" for i in range(x.shape[1])]
    frame = frames.DataFrame(dict(zip(names, x.T, strict=True)))
    encoder = PlasticEncoder(HEBBIAN, max_iter=2, random_state=0).set_output(transform=library)
    out = encoder.fit_transform(frame)
    assert isinstance(out, frames.DataFrame)
    assert list(out.columns) == [
        *(f"input_pixel{i}" for i in range(64)),
        *(f"layer1_{i}" for i in range(128)),
        *(f"layer2_{i}" for i in range(64)),
        *(f"layer3_{i}" for i in range(32)),
    ]
    assert list(encoder.feature_names_in_) == names
    plain = PlasticEncoder(HEBBIAN, max_iter=2, random_state=0).fit_transform(x)
    np.testing.assert_allclose(out.to_numpy(), plain, atol=1e-5)
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(frame.rename({"pixel0": "other"}, **_axis(library)))


def _axis(library: str) -> dict[str, str]:
    return {"axis": "columns"} if library == "pandas" else {}


@pytest.mark.slow
def test_pipeline_and_grid_search_over_processes(digits) -> None:
    x, y = digits
    pipeline = make_pipeline(
        PlasticEncoder(HEBBIAN, random_state=0), LogisticRegression(max_iter=500)
    )
    search = GridSearchCV(pipeline, {"plasticencoder__max_iter": [0, 3]}, cv=2, n_jobs=2)
    search.fit(x[:200], y[:200])
    assert search.best_score_ > 0.5


def test_threads_share_an_encoder(fitted: PlasticEncoder, digits) -> None:
    parts = [digits[0][i : i + 300] for i in range(0, len(digits[0]), 300)]
    expected = [fitted.transform(part) for part in parts]
    found = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(fitted.transform)(part) for part in parts
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_clone_has_the_parameters_and_nothing_else(fitted: PlasticEncoder) -> None:
    copy = clone(fitted)
    assert not hasattr(copy, "network_")
    assert copy.get_params().keys() == fitted.get_params().keys()
    assert (copy.max_iter, copy.random_state) == (5, 0)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("activation", "bogus"),
        ("n_components", 0),
        ("max_iter", -1),
        ("batch_size", 1),
        ("hidden_layer_sizes", "128"),
        ("rule", 3),
    ],
)
def test_bad_parameters_get_scikit_learns_own_error(parameter: str, value: object) -> None:
    with pytest.raises(ValueError, match=parameter):
        PlasticEncoder(**{"rule": HEBBIAN, parameter: value}).fit(np.ones((5, 3)))


def test_columns_that_are_no_numbers_are_named() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [1.0, None] * 60, "town": ["x", "y"] * 60, "size": range(120)})
    encoder = PlasticEncoder(max_iter=0)
    with pytest.raises(ValueError, match="text: town; columns with missing values: age; fill in"):
        encoder.fit(frame)
    with pytest.raises(ValueError, match=r"contains NaN(.|\n)*\ncolumns with missing values: age;"):
        encoder.fit(frame[["age", "size"]])
    with pytest.raises(ValueError, match=r"contains NaN\.\n(?!.*columns with)"):
        encoder.fit(frame[["age", "size"]].to_numpy())
