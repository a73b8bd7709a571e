"""Features in the plane: where the points lie, what colours them, and what is refused."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace
from typing import Any

import jax
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from metaplastic import EmbeddingDisplay, PlasticClassifier, PlasticEncoder, PlasticRegressor
from metaplastic.errors import MetaplasticError, MissingExtraError
from metaplastic.rules import make_rule

mpl.use("agg")


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    return rng.normal(size=(60, 5)) + 6.0 * np.eye(3, 5)[labels], labels


def _groups(display: EmbeddingDisplay) -> dict[str, Any]:
    """What is drawn: the points of each entry of the legend."""
    return {
        str(drawn.get_label()): np.asarray(drawn.get_offsets()) for drawn in display.ax_.collections
    }


def test_of_an_encoder_it_shows_the_principal_components_of_its_features(blobs) -> None:
    x, y = blobs
    rule = make_rule("hebbian", jax.random.key(0))
    encoder = PlasticEncoder(rule, hidden_layer_sizes=(6,), n_components=4, max_iter=2)
    encoder.set_params(random_state=0).fit(x)
    shown = EmbeddingDisplay.from_estimator(encoder, x, y)
    features = encoder.transform(x).astype(float)
    _, singular, directions = np.linalg.svd(features - features.mean(0), full_matrices=False)
    oracle = (features - features.mean(0)) @ directions[:2].T
    np.testing.assert_allclose(np.abs(shown.points), np.abs(oracle), atol=1e-4)
    share = singular[0] ** 2 / np.sum(singular**2)
    assert shown.ax_.get_xlabel() == f"principal component 1 ({share:.0%} of the variance)"
    for name, points in _groups(shown).items():
        np.testing.assert_array_equal(points, shown.points[y == int(name)])
    assert shown.figure_ is shown.ax_.figure


@pytest.mark.filterwarnings("ignore:PlasticEncoder.fit saw")
def test_a_classifier_shows_its_encoder_and_rows_without_a_label_are_grey(blobs) -> None:
    pd = pytest.importorskip("pandas")
    x, y = blobs
    few = np.array([None] * len(y), object)
    few[::7] = [f"[{c}]" for c in y[::7]]
    rule = make_rule("hebbian", jax.random.key(0))
    encoder = PlasticEncoder(rule, hidden_layer_sizes=(6,), n_components=4, max_iter=0)
    table = pd.DataFrame(x, columns=list("abcde"))
    classifier = PlasticClassifier(encoder, readout="ridge").fit(table, few)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = EmbeddingDisplay.from_estimator(classifier, table, few)
    groups = _groups(shown)
    assert list(groups) == ["no label", "[0]", "[1]", "[2]"]
    assert len(groups["no label"]) == sum(label is None for label in few)
    grey = next(c for c in shown.ax_.collections if c.get_label() == "no label")
    assert to_hex(grey.get_facecolor()[0]) == to_hex("0.75")


def test_numbers_as_labels_may_be_missing_too(blobs) -> None:
    x, y = blobs
    shown = EmbeddingDisplay.from_features(x, np.where(y == 2, -1, y))
    assert {name: len(p) for name, p in _groups(shown).items()} == {
        "no label": 20,
        "0": 20,
        "1": 20,
    }


def test_more_classes_than_colours_have_marks_of_their_own() -> None:
    x = np.random.default_rng(0).normal(size=(45, 3))
    shown = EmbeddingDisplay.from_features(x, np.arange(45) % 15)
    looks = {
        (to_hex(drawn.get_facecolor()[0]), drawn.get_paths()[0].vertices.tobytes())
        for drawn in shown.ax_.collections
    }
    assert len(looks) == 15


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_every_method_keeps_far_apart_what_is_far_apart(method: str, blobs) -> None:
    x, y = blobs
    figure = Figure()
    shown = EmbeddingDisplay.from_features(x, y, method=method, ax=figure.add_subplot())
    assert shown.figure_ is figure
    centres = np.stack([shown.points[y == c].mean(0) for c in range(3)])
    nearest = np.linalg.norm(shown.points[:, None] - centres, axis=2).argmin(1)
    assert np.mean(nearest == y) > 0.95


def test_umap_where_it_is_installed(blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in, because UMAP compiles for a minute."""
    asked: dict[str, Any] = {}

    class UMAP:
        def __init__(self, **settings: Any) -> None:
            asked.update(settings)

        def fit_transform(self, features: np.ndarray) -> np.ndarray:
            return features[:, 1:3]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP))  # pyright: ignore
    shown = EmbeddingDisplay.from_features(blobs[0][:9], method="umap", random_state=3)
    np.testing.assert_array_equal(shown.points, blobs[0][:9, 1:3])
    assert (asked["random_state"], asked["n_neighbors"]) == (3, 8)
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match=r"metaplastic\[umap\]"):
        EmbeddingDisplay.from_features(blobs[0], method="umap")


@pytest.mark.parametrize(
    ("features", "labels", "method", "words"),
    [
        (np.zeros((3, 2)), None, "mds", "unknown method 'mds'.*pca"),
        (np.zeros((3, 2)), [0, 1], "pca", "3 rows, but 2 labels"),
        (np.zeros((1, 2)), None, "pca", "minimum of 2"),
        (np.full((3, 2), np.nan), None, "pca", "NaN"),
    ],
)
def test_mistakes(features: np.ndarray, labels: Any, method: str, words: str) -> None:
    with pytest.raises((ValueError, MetaplasticError), match=words):
        EmbeddingDisplay.from_features(features, labels, method=method)


@pytest.mark.filterwarnings("ignore:PlasticRegressor.fit saw")
def test_numbers_are_shown_by_a_colour_bar_and_blanks_are_grey(blobs) -> None:
    x, _ = blobs
    y = np.where(np.arange(60) % 3 == 0, np.arange(60) - 1.0, np.nan)
    encoder = PlasticEncoder(make_rule("hebbian", jax.random.key(0)), (6,), 4, max_iter=2)
    regressor = PlasticRegressor(encoder.set_params(random_state=0)).fit(x, y)
    shown = EmbeddingDisplay.from_estimator(regressor, x, y)  # whole numbers, -1 among them
    blank, known = shown.ax_.collections
    np.testing.assert_array_equal(known.get_array(), y[::3])
    np.testing.assert_array_equal(known.get_offsets(), shown.points[::3])
    assert len(blank.get_offsets()) == 40
    assert len(shown.figure_.axes) == 2
    halves = EmbeddingDisplay.from_features(x, list(y / 2))
    assert halves.continuous
    np.testing.assert_array_equal(halves.ax_.collections[1].get_array(), y[::3] / 2)
    assert not EmbeddingDisplay.from_features(x, y).continuous  # classes, as far as one can know
    assert len(EmbeddingDisplay.from_features(x, y / 2, continuous=False).ax_.collections) == 21
    with pytest.raises(ValueError, match="give numbers"):
        EmbeddingDisplay.from_features(x, ["a"] * 60, continuous=True)
