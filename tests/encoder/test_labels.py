"""What counts as a label: types, unlabelled rows among text, labels of an `eval_set`."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from tests.encoder.conftest import HEBBIAN

from metaplastic import EmbeddingDisplay, PlasticClassifier, PlasticEncoder
from metaplastic.encoder.labels import encode, split_labels
from metaplastic.encoder.score import Labels

mpl.use("agg")
NAN = float("nan")


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(120, 4)) + 3.0 * (np.arange(120) % 3 == 0)[:, None]


def classifier() -> PlasticClassifier:
    """Without inner steps, so that nothing of them is compiled."""
    encoder = PlasticEncoder(HEBBIAN, hidden_layer_sizes=(16,), n_components=8, random_state=0)
    return PlasticClassifier(encoder, readout="inputs")


@pytest.mark.parametrize("missing", [-1, -1.0, NAN, None, np.int64(-1)])
@pytest.mark.parametrize("kind", [list, tuple])
def test_numbers_among_text_in_a_list_mark_unlabelled_rows(missing, kind, rows) -> None:
    y = kind(["a", missing, "b"] * 40)
    fitted = classifier().fit(rows, y)
    assert fitted.classes_.tolist() == ["a", "b"]
    assert fitted.n_labelled_ == 80
    known = [label is not missing for label in y]
    assert fitted.score(rows, y) == fitted.score(rows[known], ["a", "b"] * 40) > 0.8
    shown = EmbeddingDisplay.from_features(rows, y)
    names = [drawn.get_label() for drawn in shown.ax_.collections]
    assert names == ["no label", "a", "b"]


@pytest.mark.parametrize("text", ["-1", "-1.0", "nan"])
def test_arrays_of_text_with_numbers_are_refused(text: str, rows) -> None:
    y = np.array(["a", text, "b"] * 40)
    fitted = classifier().fit(rows, ["a", None, "b"] * 40)
    for use in (
        lambda: classifier().fit(rows, y),
        lambda: fitted.score(rows, y),
        lambda: EmbeddingDisplay.from_features(rows, y),
    ):
        with pytest.raises(ValueError, match=f"hold '{text}'; use an object array with None"):
            use()
    # where it is meant, it can be said
    assert text in classifier().fit(rows, y.astype(object)).classes_


def test_labels_of_several_types_are_drawn() -> None:
    shown = EmbeddingDisplay.from_features(np.eye(4), ["a", 1, None, "b"])
    assert [drawn.get_label() for drawn in shown.ax_.collections] == ["no label", "1", "a", "b"]


@pytest.mark.parametrize(
    ("labels", "classes", "kind"),
    [
        ([True, None, False], [False, True], "b"),
        ([1.0, None, 2.0], [1.0, 2.0], "f"),
        ([3, None, 2], [2, 3], "i"),
        ([np.str_("b"), None, "a"], ["a", "b"], "O"),
        (np.array([2**63, 2**63 + 1, 0], np.uint64), [0, 2**63, 2**63 + 1], "u"),
    ],
)
def test_classes_keep_their_type(
    labels: Any, classes: list[Any], kind: str, rows, tmp_path
) -> None:
    y = labels * 40 if isinstance(labels, list) else np.tile(labels, 40)
    fitted = classifier().fit(rows, y)
    fitted.save(tmp_path / "c.safetensors")
    for found in (fitted, PlasticClassifier.load(tmp_path / "c.safetensors")):
        assert found.classes_.tolist() == classes
        assert found.classes_.dtype.kind == kind
        assert [*map(type, found.classes_.tolist())] == [*map(type, classes)]
        assert 0.3 < found.score(rows, y) <= 1


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([10**30, 1, None], "10{30} is beyond the range of int64; give such labels as text"),
        ([2**63, 2**63 + 1, 0], f"{2**63 + 1} is beyond the range of int64"),
        ([True, 2, None], r"mixed types \(bool, int\)"),
        ([1.0, "a", None], r"mixed types \(float, str\)"),
        ([b"a", b"b", b"a"], r"labels of type \|S1; give text, integers or booleans"),
        (np.array(["2020", "2021", "2020"], "M8[Y]"), r"labels of type datetime64\[Y\]"),
        (np.array([(1,), (2,), None], object), "labels of type tuple"),
    ],
)
def test_other_types_are_refused(labels: Any, words: str) -> None:
    def read() -> None:
        y, known = split_labels(labels, 3)
        encode(y[known])

    with pytest.raises(ValueError, match=words):
        read()


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0, 1, 2], "eval_set needs a class with at least two rows; each of its 3 classes has one"),
        (["a", -1, "b"], "each of its 2 classes has one"),
        ([-1, -1, -1], "eval_set: no row is labelled"),
        ([2, 2, -1], "eval_set: all labelled rows are of one class"),
        ([0.5, NAN, 1.0], "NaN"),
    ],
)
def test_labels_that_no_readout_can_be_scored_on(y: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Labels(y, 3)


@pytest.mark.parametrize("missing", [-1, NAN, None])
def test_unlabelled_rows_of_an_eval_set_are_left_out(missing: Any, rows) -> None:
    """As if they were not there, and no class of their own."""
    y = np.array([0, missing, 1] * 40, object)
    labels = Labels(y if missing is None else y.astype(float), 120)
    known = np.arange(120) % 3 != 1
    np.testing.assert_array_equal(labels.rows, np.flatnonzero(known))
    whole = Labels(y[known].astype(int), 80)
    assert labels.score(rows[known]) == whole.score(rows[known]) > 0.8
    np.testing.assert_array_equal(labels.folds, whole.folds)
    fitted = PlasticEncoder(
        HEBBIAN, hidden_layer_sizes=(16,), n_components=8, max_iter=0, random_state=0
    )
    curves = [
        fitted.fit(rows, eval_set=pair).score_curve_
        for pair in ((rows, y), (rows[known], y[known].astype(int)))
    ]
    np.testing.assert_array_equal(*curves)


def test_minus_one_among_numbers_is_a_number() -> None:
    assert not Labels([0.5, -1.0, 2.5], 3).classes
    assert len(Labels(np.array([0.5, -1, 2], object), 3).rows) == 3
