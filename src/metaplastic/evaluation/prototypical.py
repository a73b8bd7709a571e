"""Prototypical networks (Snell et al., 2017): features meta-trained for few-shot classification.

An episode draws classes, some labelled examples of each, and queries to classify. With m_c the mean
of the features of class c's labelled examples, an example with features u has class c with
probability

    softmax_c(-|u - m_c|²),

and Adam minimises the cross-entropy. Meta-training yields the weights of a network, which then stay
fixed; a learned rule trains new weights on every data set.
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

BLOCK = 25  # episodes between two progress reports


class Episodes(NamedTuple):
    """Settings of meta-training: `number` episodes of `ways` classes, each class with `shots`
    labelled examples and `queries` to classify; Adam's learning rate follows a cosine decay."""

    number: int
    ways: int
    shots: int
    queries: int
    learning_rate: float


class Episode(NamedTuple):
    """Labelled examples and queries, (classes, examples, N_0) each."""

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
    """Draw classes of one source, augmented as in meta-training tasks; `shape` is (side, channels)
    of the images. `permuted`: the pixels of all examples are reordered by one random permutation
    per episode."""
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
    labelled: Float[Array, "examples features"], labels: Int[Array, " examples"], n_classes: int
) -> Float[Array, "classes features"]:
    """Return the prototypes: the mean features of each class."""
    one_hot = jax.nn.one_hot(labels, n_classes, dtype=labelled.dtype)
    return (one_hot.T @ labelled) / jnp.maximum(jnp.sum(one_hot, axis=0), 1.0)[:, None]


def nearest_class(
    labelled: NDArray[np.floating],
    labels: NDArray[np.integer],
    rows: NDArray[np.floating],
    n_classes: int,
) -> NDArray[np.int64]:
    """Return the class (n,) whose mean labelled features (k, F) are nearest to each row (n, F)."""
    means = class_means(jnp.asarray(labelled), jnp.asarray(labels), n_classes)
    return np.asarray(jnp.argmin(squared_distances(jnp.asarray(rows), means), axis=1), np.int64)


def episode_loss(
    phi: Phi,
    labelled: Float[Array, "classes k inputs"],
    queries: Float[Array, "classes q inputs"],
) -> Float[Array, ""]:
    """Compute the cross-entropy in nats, with batch norm over all examples of the episode."""
    n_classes, k, n_inputs = labelled.shape
    inputs = jnp.concatenate([labelled.reshape(-1, n_inputs), queries.reshape(-1, n_inputs)])
    u = features(phi, inputs)
    means = jnp.mean(u[: n_classes * k].reshape(n_classes, k, -1), axis=1)
    scores = -squared_distances(u[n_classes * k :], means)
    classes = jnp.repeat(jnp.arange(n_classes), queries.shape[1])
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(scores, classes))


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
    """Meta-train `model` on images of `shape` (side, channels) and return its weights. `seed` sets
    the initial weights and the episodes, whose images are the same whether permuted or not."""
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
