"""Prototypical networks: episodes, the loss, the classifier, and what reordering does to them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic.base_model import features, initialise, perceptron
from metaplastic.errors import ConfigError, DataError
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.prototypical import (
    Episodes,
    draw_episode,
    episode_loss,
    meta_train,
    nearest_class,
)
from metaplastic.evaluation.studies import STUDIES, Context, make_study
from metaplastic.evaluation.studies.permutation import Permutation
from metaplastic.tasks import load_sources

SIDE = 8
SHAPE = (SIDE, 1)
EPISODES = Episodes(number=60, ways=5, shots=4, queries=4, learning_rate=2e-2)
MODEL = perceptron((SIDE * SIDE, 32, 16))
LOSS = jax.jit(episode_loss)
SMALL: dict[str, Any] = {"seeds": 2, "hidden": (8,), "n_features": 6, "inner_steps": 4}


@pytest.fixture(scope="module")
def sources() -> tuple[Any, ...]:
    return load_sources(["shapes"], "meta-train", n_classes=EPISODES.ways)


def test_a_permuted_episode_has_the_same_images_in_another_order(sources: tuple[Any, ...]) -> None:
    def drawn(permuted: bool) -> list[np.ndarray]:
        rng = np.random.default_rng(7)
        episode = draw_episode(rng, sources, SHAPE, EPISODES, permuted=permuted)
        return [part.reshape(-1, SIDE * SIDE) for part in episode]

    intact, permuted = drawn(False), drawn(True)
    assert [len(part) for part in intact] == [20, 20]
    one, other = np.concatenate(intact), np.concatenate(permuted)
    assert not np.array_equal(one, other)
    # one order for all of the episode: columns are the same, elsewhere
    assert sorted(map(tuple, one.T)) == sorted(map(tuple, other.T))


def test_the_loss_is_that_of_the_paper(sources: tuple[Any, ...]) -> None:
    drawn = draw_episode(np.random.default_rng(0), sources, SHAPE, EPISODES, permuted=False)
    phi = initialise(jax.random.key(0), perceptron((SIDE * SIDE, 6)))
    rows = np.concatenate([part.reshape(-1, SIDE * SIDE) for part in drawn])
    u = np.asarray(features(phi, jnp.asarray(rows)), np.float64)
    support, others = u[:20].reshape(5, 4, -1), u[20:].reshape(5, 4, -1)
    losses = []
    for c in range(5):
        for query in others[c]:
            scores = [-np.sum((query - support[k].mean(axis=0)) ** 2) for k in range(5)]
            losses.append(np.log(np.sum(np.exp(scores))) - scores[c])
    result = episode_loss(phi, *map(jnp.asarray, drawn))
    assert float(result) == pytest.approx(np.mean(losses), rel=1e-4)


def test_the_nearest_class_is_that_of_the_nearest_mean() -> None:
    rng = np.random.default_rng(0)
    labelled, labels = rng.standard_normal((30, 4)).astype(np.float32), np.arange(30) % 3
    rows = rng.standard_normal((50, 4)).astype(np.float32)
    means = [labelled[labels == c].mean(axis=0) for c in range(3)]
    expected = [int(np.argmin([np.linalg.norm(row - m) for m in means])) for row in rows]
    assert nearest_class(labelled, labels, rows, 3).tolist() == expected


@pytest.fixture(scope="module")
def trained(sources: tuple[Any, ...]) -> Any:
    return meta_train(MODEL, sources, SHAPE, EPISODES, 0, permuted=False)


def loss(of: Any, sources: tuple[Any, ...], *, permuted: bool = False) -> float:
    """The mean over ten new episodes."""
    result = []
    for seed in range(1000, 1010):
        rng = np.random.default_rng(seed)
        drawn = draw_episode(rng, sources, SHAPE, EPISODES, permuted=permuted)
        result.append(float(LOSS(of, *map(jnp.asarray, drawn))))
    return float(np.mean(result))


def test_meta_training_lowers_the_loss_where_pixels_are_in_place(
    sources: tuple[Any, ...], trained: Any
) -> None:
    """Weights for pixels in their places are worth less elsewhere."""
    after = loss(trained, sources)
    assert after < 0.9 * loss(initialise(jax.random.key(0), MODEL), sources)
    assert after < 0.9 * loss(trained, sources, permuted=True)


def test_the_same_seed_gives_the_same_network(sources: tuple[Any, ...]) -> None:
    short = EPISODES._replace(number=2)
    one, same, other = (
        meta_train(MODEL, sources, SHAPE, short, seed, permuted=True) for seed in (3, 3, 4)
    )
    assert all(map(np.array_equal, one.weights, same.weights))
    assert not np.array_equal(one.weights[0], other.weights[0])


def test_the_study_resumes(tmp_path: Any) -> None:
    chosen = SMALL | STUDIES["permutation"].example
    context = Context(named_rule("hebbian"), tmp_path)
    study = make_study("permutation", context, **chosen)
    study.run()
    assert study.store.fresh == 2 * (study.cells() or 0)
    again = make_study("permutation", context, **chosen)
    again.run()
    assert again.store.fresh == 0


def test_a_convolutional_network_reads_quadrants(tmp_path: Any) -> None:
    study = make_study("permutation", Context(named_rule("hebbian"), tmp_path), channels=(4, 6))
    assert isinstance(study, Permutation)
    assert study.model("convolutional", 14, 3).widths == (14 * 14 * 3, 2 * 2 * 4, 2 * 2 * 6)
    assert study.model("perceptron", 14, 1).widths == (196, 128, 64, 32)


def test_what_may_not_be_meta_trained_on_is_refused(tmp_path: Any) -> None:
    context = Context(named_rule("hebbian"), tmp_path)
    small = {**SMALL, "datasets": ("digits",), "episodes": 1}
    with pytest.raises(ConfigError, match="held out"):
        make_study("permutation", context, sources=("digits",), **small).run()
    with pytest.raises(DataError, match="square images"):
        make_study("permutation", context, **{**small, "datasets": ("two_moons",)}).run()
