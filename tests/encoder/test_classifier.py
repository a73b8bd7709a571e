"""What `PlasticClassifier` promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.encoder.conftest import HEBBIAN

from metaplastic import PlasticClassifier, PlasticEncoder
from metaplastic.errors import ModelFileError

ENCODER = PlasticEncoder(
    HEBBIAN, hidden_layer_sizes=(16,), n_components=8, max_iter=5, random_state=0
)


@pytest.mark.slow
@parametrize_with_checks([PlasticClassifier(ENCODER)])
def test_estimator(estimator: PlasticClassifier, check) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Digits, five labels a class and -1 elsewhere, and all labels."""
    x, y = digits
    rng = np.random.default_rng(0)
    chosen = [rng.choice(np.flatnonzero(y == c), 5, replace=False) for c in range(10)]
    known = np.full(len(y), -1)
    known[np.concatenate(chosen)] = y[np.concatenate(chosen)]
    return x, known, y


@pytest.fixture(scope="module")
def fitted(few) -> PlasticClassifier:
    return PlasticClassifier(ENCODER).fit(few[0], few[1])


def test_rows_without_a_label_are_learned_from_and_classified(few, fitted) -> None:
    x, known, y = few
    free = known == -1
    assert fitted.n_labelled_ == 50
    assert fitted.encoder_._moments.count == len(x)
    assert fitted.score(x[free], y[free]) > 0.8
    p = fitted.predict_proba(x[free])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted.predict(x[free]), fitted.classes_[p.argmax(axis=1)])
    # as sure as it is right, about
    assert abs(p.max(axis=1).mean() - fitted.score(x[free], y[free])) < 0.2


def test_auto_is_the_mean_of_features_and_inputs(few, fitted) -> None:
    x, known, _ = few
    alone = [PlasticClassifier(ENCODER, readout=r).fit(x, known) for r in ("logistic", "inputs")]
    mean = (alone[0].predict_proba(x) + alone[1].predict_proba(x)) / 2
    np.testing.assert_allclose(fitted.predict_proba(x), mean, atol=1e-6)
    assert alone[1].encoder_.n_iter_ == 0
    ridge = PlasticClassifier(ENCODER, readout="ridge").fit(x, known)
    assert np.mean(ridge.predict(x) == fitted.predict(x)) > 0.8


def test_a_column_that_pandas_read_with_blanks_is_taken_as_it_is(few, fitted) -> None:
    pandas = pytest.importorskip("pandas")
    x, known, _ = few
    numbers = pandas.Series(known).where(known != -1)  # float64, NaN where blank
    text = numbers.astype("Int64").astype("string")  # NA where blank
    for y in (numbers, numbers.astype("Int64"), text, text.astype("category")):
        classifier = PlasticClassifier(ENCODER).fit(x, y)
        assert classifier.n_labelled_ == 50
        np.testing.assert_array_equal(
            classifier.predict(x[:99]).astype(float), fitted.predict(x[:99])
        )


@pytest.mark.parametrize("missing", [None, float("nan"), -1])
def test_classes_may_be_text(missing: object, few, fitted) -> None:
    x, known, _ = few
    names = np.array([missing if k == -1 else f"digit {k}" for k in known], object)
    classifier = PlasticClassifier(ENCODER).fit(x, names)
    assert list(classifier.classes_) == [f"digit {c}" for c in range(10)]
    np.testing.assert_array_equal(
        classifier.predict(x[:99]), [f"digit {c}" for c in fitted.predict(x[:99])]
    )


def test_minus_one_and_one_alone_are_two_classes_and_said_to_be(few) -> None:
    x, _, y = few
    with pytest.warns(UserWarning, match="taken for two classes"):
        classifier = PlasticClassifier(ENCODER).fit(x, np.where(y < 5, -1, 1))
    assert classifier.classes_.tolist() == [-1, 1]
    assert classifier.n_labelled_ == len(x)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([-1] * 30, "no row is labelled"),
        ([-1] * 29 + [3], "all labelled rows are of one class"),
        ([0.5, 1.5, -1] * 10, "continuous"),
        ([1, 2, np.inf] * 10, "infinity"),
        ([1, 2, -1], "X has 30 rows and y 3 labels"),
        (np.array(["a", 1, None] * 10, object), r"mixed types \(int, str\)"),
    ],
)
def test_bad_labels_get_a_clear_error(labels, message: str) -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.raises(ValueError, match=message):
        PlasticClassifier(ENCODER).fit(x, labels)


def test_one_label_a_class_is_enough(few) -> None:
    x, _, y = few
    known = np.full(len(y), -1)
    first = [int(np.flatnonzero(y == c)[0]) for c in range(10)]
    known[first] = y[first]
    classifier = PlasticClassifier(ENCODER).fit(x, known)
    assert classifier.score(x, y) > 0.4
    assert all(np.isnan(readout.accuracy) for readout in classifier.readouts_.values())


def test_sparse_rows_are_classified_as_dense_ones(few, fitted) -> None:
    x, known, _ = few
    sparse = PlasticClassifier(ENCODER).fit(csr_matrix(x), known)
    np.testing.assert_allclose(
        sparse.predict_proba(csr_matrix(x)), fitted.predict_proba(x), atol=1e-3
    )


@pytest.mark.parametrize("kind", ["int", "text", "bool", "float"])
def test_saved_and_loaded_it_predicts_the_same(kind: str, few, tmp_path) -> None:
    x, known, y = few
    labels = {
        "int": known,
        "text": np.array([None if k == -1 else str(k) for k in known], object),
        "bool": y > 4,
        "float": known.astype(float),
    }[kind]
    before = PlasticClassifier(ENCODER, readout="auto").fit(x, labels)
    before.save(tmp_path / "c.safetensors")
    after = PlasticClassifier.load(tmp_path / "c.safetensors")
    np.testing.assert_array_equal(after.predict_proba(x), before.predict_proba(x))
    np.testing.assert_array_equal(after.predict(x), before.predict(x))
    assert after.classes_.dtype.kind == before.classes_.dtype.kind
    assert after.n_labelled_ == before.n_labelled_
    with pytest.raises(ModelFileError, match=r"PlasticClassifier\.load reads it"):
        PlasticEncoder.load(tmp_path / "c.safetensors")
    before.encoder_.save(tmp_path / "e.safetensors")
    with pytest.raises(ModelFileError, match=r"PlasticEncoder\.load reads it"):
        PlasticClassifier.load(tmp_path / "e.safetensors")


def test_data_frames_keep_their_columns_names(few) -> None:
    pandas = pytest.importorskip("pandas")
    x, known, _ = few
    frame = pandas.DataFrame(x, columns=[f"pixel{i}" for i in range(64)])
    classifier = PlasticClassifier(ENCODER).fit(frame, pandas.Series(known))
    assert list(classifier.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame.rename(columns={"pixel0": "other"}))


def test_few_rows_are_warned_of_without_naming_what_is_used_already() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.warns(UserWarning, match=r"^PlasticClassifier\.fit saw 30 rows") as caught:
        PlasticClassifier(ENCODER).fit(x, [0, 1, -1] * 10)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_file_of_the_first_version_gives_the_same_probabilities() -> None:
    classifier = PlasticClassifier.load(
        Path(__file__).parent / "files" / "classifier-v1.safetensors"
    )
    assert classifier.classes_.tolist() == ["a", "b", "β"]
    wanted = [[0.402402, 0.338063, 0.259535], [0.356846, 0.318442, 0.324711]]
    np.testing.assert_allclose(classifier.predict_proba(np.eye(4))[:2], wanted, atol=1e-5)


def test_rows_without_a_label_are_not_scored(few, fitted) -> None:
    x, known, y = few
    labelled = known != -1
    wanted = fitted.score(x[labelled], y[labelled])
    assert fitted.score(x, known) == wanted
    assert fitted.score(x, np.where(labelled, y, np.nan)) == wanted
    weight = 1.0 + np.arange(len(y)) % 3
    right = fitted.predict(x[labelled]) == y[labelled]
    assert fitted.score(x, known, weight) == pytest.approx(
        np.average(right, weights=weight[labelled])
    )
    with pytest.raises(ValueError, match="no row of y has a label"):
        fitted.score(x, np.full(len(y), -1))
    signs = np.where(y < 5, -1, 1)
    with pytest.warns(UserWarning, match="two classes"):
        both = PlasticClassifier(ENCODER).fit(x, signs)
    assert both.score(x, signs) == np.mean(both.predict(x) == signs)


def test_a_grid_search_scores_the_labelled_rows_of_each_fold(few) -> None:
    x, known, _ = few
    search = GridSearchCV(PlasticClassifier(ENCODER), {"readout": ["inputs"]}, cv=2)
    assert search.fit(x, known).best_score_ > 0.5  # fifty of 1,797 rows have a label
