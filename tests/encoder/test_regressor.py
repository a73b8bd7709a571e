"""What `PlasticRegressor` promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticClassifier, PlasticEncoder, PlasticRegressor
from metaplastic.encoder.regression_readouts import fit_regressions
from metaplastic.errors import ModelFileError
from metaplastic.readout.ridge import PENALTIES

ENCODER = PlasticEncoder(
    HEBBIAN, hidden_layer_sizes=(16,), n_components=8, max_iter=5, random_state=0
)


@parametrize_with_checks([PlasticRegressor(ENCODER)])
def test_estimator(estimator: PlasticRegressor, check) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def few() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Diabetes, 442 rows: the progression of 60, NaN elsewhere, and that of all."""
    x, y = load_diabetes(return_X_y=True)
    known = np.full(len(y), np.nan)
    chosen = np.random.default_rng(0).choice(len(y), 60, replace=False)
    known[chosen] = y[chosen]
    return x, known, y


@pytest.fixture(scope="module")
def fitted(few) -> PlasticRegressor:
    return PlasticRegressor(ENCODER).fit(few[0], few[1])


def test_rows_without_a_target_are_learned_from_and_predicted(few, fitted) -> None:
    x, known, y = few
    free = np.isnan(known)
    assert fitted.n_labelled_ == 60
    assert fitted.encoder_._moments.count == len(x)
    assert fitted.score(x[free], y[free]) > 0.3
    # what leaving one out says of the error is near the error on other rows
    error = np.sqrt(np.mean((fitted.predict(x[free]) - y[free]) ** 2))
    for readout in fitted.readouts_.values():
        assert abs(readout.rmse - error) < 0.25 * error


def test_auto_is_the_mean_of_features_and_inputs(few, fitted) -> None:
    x, known, _ = few
    alone = [PlasticRegressor(ENCODER, readout=r).fit(x, known) for r in ("ridge", "inputs")]
    mean = (alone[0].predict(x) + alone[1].predict(x)) / 2
    np.testing.assert_allclose(fitted.predict(x), mean, rtol=1e-6)
    assert alone[1].encoder_.n_iter_ == 0


def test_the_penalty_is_the_best_where_one_row_is_left_out() -> None:
    """Each row left out and the normal equations solved anew, by hand."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 5)) * [1.0, 3.0, 0.2, 1.0, 1.0] + 4.0
    y = x @ [1.0, 0.5, 0.0, -1.0, 0.2] + rng.normal(size=12)
    centred = x - x.mean(axis=0)
    size = np.sqrt(np.mean(np.sum(centred**2, axis=1)))

    def solve(a, b, penalty):
        u, v = a - a.mean(axis=0), b - b.mean()
        w = np.linalg.solve(u.T @ u + penalty * len(x) * size**2 * np.eye(5), u.T @ v)
        return w, b.mean() - a.mean(axis=0) @ w

    errors = []
    for penalty in PENALTIES:
        gaps = []
        for row in range(12):
            w, level = solve(np.delete(x, row, 0), np.delete(y, row), penalty)
            gaps.append(y[row] - x[row] @ w - level)
        errors.append(np.mean(np.square(gaps)))
    readout = fit_regressions("ridge", x, 5, y)["features"]
    assert readout.penalty == PENALTIES[int(np.argmin(errors))]
    assert readout.rmse == pytest.approx(np.sqrt(min(errors)), rel=1e-8)
    assert readout.r2 == pytest.approx(1 - min(errors) / np.var(y), rel=1e-8)
    w, level = solve(x, y, readout.penalty)
    np.testing.assert_allclose(readout.predict(x), x @ w + level, rtol=1e-8)


@pytest.mark.parametrize("unit", [1e-200, 1e-3, 1e200])
def test_targets_may_be_of_any_unit(unit: float, few) -> None:
    x, _, y = few
    plain, scaled = (fit_regressions("inputs", x, 10, k * y)["inputs"] for k in (1.0, unit))
    np.testing.assert_allclose(scaled.predict(x), unit * plain.predict(x), rtol=1e-6)
    assert scaled.r2 == pytest.approx(plain.r2)
    assert scaled.rmse == pytest.approx(unit * plain.rmse)


def test_minus_one_is_a_number_and_blanks_may_be_none_or_na(few, fitted) -> None:
    pandas = pytest.importorskip("pandas")
    x, known, _ = few
    shifted = known - np.nanmin(known) - 1
    assert PlasticRegressor(ENCODER).fit(x, shifted).n_labelled_ == 60
    listed = [None if np.isnan(v) else v for v in known]
    for y in (np.array(listed, object), pandas.Series(listed, dtype="Float64")):
        np.testing.assert_array_equal(
            PlasticRegressor(ENCODER).fit(x, y).predict(x), fitted.predict(x)
        )


def test_targets_that_are_all_the_same_are_predicted() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    regressor = PlasticRegressor(ENCODER).fit(x, [7.0, 7.0, *[np.nan] * 28])
    np.testing.assert_allclose(regressor.predict(x), 7.0)
    assert all(np.isnan(readout.r2) for readout in regressor.readouts_.values())


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([np.nan] * 30, "no row has a target"),
        ([np.nan] * 29 + [3.0], "only one sample has a target"),
        ([1.0, 2.0, np.inf] * 10, "contains infinity"),
        ([1.0, 2.0, np.nan], "X has 30 rows and y 3 targets"),
        (["1.0", "2.0", ""] * 10, "give numbers"),
        (np.array(["a", 1.0, None] * 10, object), "not all numbers"),
        (None, "requires y to be passed"),
    ],
)
def test_bad_targets_get_a_clear_error(targets, message: str) -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.raises(ValueError, match=message):
        PlasticRegressor(ENCODER).fit(x, targets)


def test_sparse_rows_are_predicted_as_dense_ones(few, fitted) -> None:
    x, known, _ = few
    sparse = PlasticRegressor(ENCODER).fit(csr_matrix(x), known)
    np.testing.assert_allclose(sparse.predict(csr_matrix(x)), fitted.predict(x), rtol=1e-3)


@pytest.mark.parametrize("readout", ["auto", "inputs"])
def test_saved_and_loaded_it_predicts_the_same(readout: str, few, tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    x, known, _ = few
    frame = pandas.DataFrame(x, columns=[f"c{i}" for i in range(10)])
    before = PlasticRegressor(ENCODER, readout=readout).fit(frame, known)
    before.save(tmp_path / "r.safetensors")
    after = PlasticRegressor.load(tmp_path / "r.safetensors")
    np.testing.assert_array_equal(after.predict(frame), before.predict(frame))
    assert after.n_labelled_ == 60
    assert after.readout == readout
    assert list(after.feature_names_in_) == list(frame.columns)
    for name, kept in after.readouts_.items():
        assert kept[2:] == before.readouts_[name][2:]
    for other in (PlasticClassifier, PlasticEncoder):
        with pytest.raises(ModelFileError, match=r"PlasticRegressor\.load reads it"):
            other.load(tmp_path / "r.safetensors")


def test_a_file_of_the_first_version_predicts_the_same() -> None:
    regressor = PlasticRegressor.load(Path(__file__).parent / "files" / "regressor-v1.safetensors")
    wanted = [0.999434, 1.997852, 0.004946, -0.999961]
    np.testing.assert_allclose(regressor.predict(np.eye(4)), wanted, atol=1e-5)


def test_rows_without_a_target_are_not_scored(few, fitted) -> None:
    x, known, y = few
    free = np.isnan(known)
    assert fitted.score(x, np.where(free, y, np.nan)) == fitted.score(x[free], y[free])
    search = GridSearchCV(PlasticRegressor(ENCODER), {"readout": ["inputs"]}, cv=2)
    assert search.fit(x, known).best_score_ > 0.1
    with pytest.raises(ValueError, match="no row of y has"):
        fitted.score(x, np.full(len(y), np.nan))
