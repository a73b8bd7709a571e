"""Prototypical networks (Snell et al., 2017): features meta-trained for few-shot classification.

An episode draws classes, some labelled examples of each, and others to classify. With m_c the mean
of the features of class c's labelled examples, an example u is of class c with probability

    softmax_c(-|u - m_c|²),

and Adam lowers the cross entropy. What is meta-trained are the weights of a network, which then
stay as they are; a learned rule trains new ones on every data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

from metaplastic.base_model import ModelSpec, Phi, features, initialise
from metaplastic.objectives.classes import squared_distances
from metaplastic.progress import Progress, silent
from metaplastic.tasks import Architecture, Augmentation, Source

BLOCK = 25  # episodes between two reports of progress


class Episodes(NamedTuple):
    """How a network is meta-trained: `number` episodes of `ways` classes, with `shots` labelled
    examples of each and `queries` to classify; the learning rate, of Adam, falls along a cosine."""

    number: int
    ways: int
    shots: int
    queries: int
    learning_rate: float


class Episode(NamedTuple):
    """Labelled examples and those to classify, (classes, examples, N_0) each."""

    labelled: NDArray[np.float32]
    queries: NDArray[np.float32]


def draw_episode(
    rng: np.random.Generator,
    sources: Sequence[Source],
    shape: tuple[int, int],
    episodes: Episodes,
    *,
    permuted: bool,
) -> Episode:
    """Classes of one source, augmented as tasks of meta-training are; `shape` is the images' side
    and channels. `permuted`: the pixels of all its examples are reordered alike, by an order of
    this episode's own."""
    source = sources[int(rng.integers(len(sources)))]
    side, channels = shape
    images = Architecture(side=side, channels=channels, hidden=(), n_features=1)
    per_class = episodes.shots + episodes.queries
    rows, _ = source.draw(rng, episodes.ways, per_class, images, Augmentation())
    if permuted:
        rows = rows[:, rng.permutation(rows.shape[1])]
    rows = rows.reshape(episodes.ways, per_class, -1).astype(np.float32)
    return Episode(rows[:, : episodes.shots], rows[:, episodes.shots :])


def class_means(
    own: Float[Array, "examples features"], labels: Int[Array, " examples"], n_classes: int
) -> Float[Array, "classes features"]:
    """The prototypes: means of each class's features."""
    one_hot = jax.nn.one_hot(labels, n_classes, dtype=own.dtype)
    return (one_hot.T @ own) / jnp.maximum(jnp.sum(one_hot, axis=0), 1.0)[:, None]


def nearest_class(
    labelled: NDArray[np.floating],
    labels: NDArray[np.integer],
    rows: NDArray[np.floating],
    n_classes: int,
) -> NDArray[np.int64]:
    """(n,): the class whose mean of labelled features (k, F) is nearest to each row (n, F)."""
    means = class_means(jnp.asarray(labelled), jnp.asarray(labels), n_classes)
    return np.asarray(jnp.argmin(squared_distances(jnp.asarray(rows), means), axis=1), np.int64)


def episode_loss(
    phi: Phi,
    labelled: Float[Array, "classes k inputs"],
    queries: Float[Array, "classes q inputs"],
) -> Float[Array, ""]:
    """Cross entropy in nats, batch norm over all examples of the episode."""
    n_classes, k, n_inputs = labelled.shape
    both = jnp.concatenate([labelled.reshape(-1, n_inputs), queries.reshape(-1, n_inputs)])
    u = features(phi, both)
    means = jnp.mean(u[: n_classes * k].reshape(n_classes, k, -1), axis=1)
    scores = -squared_distances(u[n_classes * k :], means)
    of = jnp.repeat(jnp.arange(n_classes), queries.shape[1])
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(scores, of))


@eqx.filter_jit
def _update(
    phi: Phi,
    moments: optax.OptState,
    labelled: Float[Array, "classes k inputs"],
    queries: Float[Array, "classes q inputs"],
    rate: Float[Array, ""],
) -> tuple[Phi, optax.OptState]:
    change, moments = optax.scale_by_adam().update(
        eqx.filter_grad(episode_loss)(phi, labelled, queries), moments
    )
    return jax.tree.map(lambda p, c: p - rate * c, phi, change), moments


def meta_train(
    model: ModelSpec,
    sources: Sequence[Source],
    shape: tuple[int, int],
    episodes: Episodes,
    seed: int,
    *,
    permuted: bool,
    progress: Progress = silent,
) -> Phi:
    """Weights of `model` after all episodes, of images of that side and so many channels. `seed`
    draws the first weights and the episodes, which are of the same images, permuted or not."""
    phi = initialise(jax.random.key(seed), model)
    moments = optax.scale_by_adam().init(phi)  # pyright: ignore[reportArgumentType]
    for i in range(episodes.number):
        if i % BLOCK == 0:
            progress("prototypical network", i, episodes.number, "episodes")
        rng = np.random.default_rng(np.random.SeedSequence([seed, i]))
        drawn = draw_episode(rng, sources, shape, episodes, permuted=permuted)
        rate = 0.5 * episodes.learning_rate * (1 + np.cos(np.pi * i / episodes.number))
        phi, moments = _update(phi, moments, *map(jnp.asarray, (*drawn, rate)))
    return phi
