"""Latent causes of generated tables, and the classes they determine.

Classes are made in one of three ways: each class is a mixture of clusters; or a random network or a
random tree over the causes assigns the classes; or they are the levels of a random function of the
causes. Every task draws all of this anew; classes have equal numbers of rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

OVERSAMPLING = 6  # rows drawn per row used, if classes are cut from a cloud of rows


def draw_causes(rng: np.random.Generator, n_classes: int, per_class: int) -> Matrix:
    """Draw the causes (n, k) of `per_class` rows of each class, class after class."""
    dimensions = int(rng.integers(2, max(4, min(16, 2 * n_classes)) + 1))
    if rng.random() < 0.7:
        return _clusters(rng, n_classes, per_class, dimensions)
    causes = _cloud(rng, OVERSAMPLING * n_classes * per_class, dimensions)
    assign = (_by_network, _by_tree, _by_scale)[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    return _evenly(rng, causes, assign(rng, causes, n_classes), n_classes, per_class)


def _clusters(rng: np.random.Generator, n_classes: int, per_class: int, dimensions: int) -> Matrix:
    """Draw classes of one to three clusters each, with their own widths and orientations."""
    clusters = int(rng.integers(1, 4))
    separation = np.exp(rng.uniform(np.log(1.5), np.log(10.0)))
    shape = (n_classes, clusters)
    centres = rng.standard_normal((*shape, dimensions)) * separation
    spread = np.exp(rng.normal(0.0, 0.3, (*shape, dimensions)))
    mixing = rng.standard_normal((*shape, dimensions, dimensions)) / np.sqrt(dimensions)
    skew = rng.uniform(0.0, 1.0)
    mixing = skew * mixing + (1 - skew) * np.eye(dimensions)
    weights = rng.dirichlet(np.full(clusters, 2.0), n_classes)
    labels = np.repeat(np.arange(n_classes), per_class)
    cluster = (weights.cumsum(axis=1)[labels] < rng.random((len(labels), 1))).sum(axis=1)
    cluster = np.minimum(cluster, clusters - 1)
    noise = _noise(rng, (len(labels), dimensions)) * spread[labels, cluster]
    return centres[labels, cluster] + np.einsum("nd,nde->ne", noise, mixing[labels, cluster])


def _noise(rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
    """Draw normal noise, or noise with heavier tails."""
    freedom = rng.choice([np.inf, 3.0, 6.0], p=[0.6, 0.2, 0.2])
    drawn = rng.standard_normal(shape)
    if np.isfinite(freedom):
        drawn /= np.sqrt(rng.chisquare(freedom, (shape[0], 1)) / freedom)
    return drawn


def _cloud(rng: np.random.Generator, n: int, dimensions: int) -> Matrix:
    """Draw rows without classes, in one or several clouds that are unrelated to classes."""
    cloud = _noise(rng, (n, dimensions))
    clouds = int(rng.integers(1, 5))
    return cloud + (rng.standard_normal((clouds, dimensions)) * 1.5)[rng.integers(0, clouds, n)]


def _scores(rng: np.random.Generator, causes: Matrix, count: int) -> Matrix:
    """Compute noisy scores of a random network with one hidden layer over a few of the causes."""
    hidden = int(rng.integers(4, 17))
    x = causes[:, : int(rng.integers(2, 6))]
    x = x / x.std(axis=0)
    activity = np.tanh(x @ rng.standard_normal((x.shape[1], hidden)) + rng.standard_normal(hidden))
    scores = activity @ rng.standard_normal((hidden, count))
    return scores + rng.uniform(0.0, 0.2) * scores.std() * rng.standard_normal(scores.shape)


def _by_network(rng: np.random.Generator, causes: Matrix, n_classes: int) -> NDArray[np.intp]:
    """Assign classes by the largest score of a network, with biases that balance the classes."""
    scores = _scores(rng, causes, n_classes)
    bias, step = np.zeros(n_classes), float(scores.std())
    for _ in range(30):
        share = np.bincount(np.argmax(scores - bias, axis=1), minlength=n_classes) / len(scores)
        bias += step * (share * n_classes - 1.0).clip(-1.0, 1.0)
        step *= 0.9
    return np.argmax(scores - bias, axis=1)


def _by_tree(rng: np.random.Generator, causes: Matrix, n_classes: int) -> NDArray[np.intp]:
    """Assign classes to the leaves of a random tree over a few of the causes."""
    causes = causes[:, : int(rng.integers(2, 6))]
    depth = int(np.ceil(np.log2(n_classes))) + int(rng.integers(0, 2))
    leaf = np.zeros(len(causes), int)
    for _ in range(depth):
        parent, leaf = leaf, 2 * leaf
        for node in np.unique(parent):
            inside = np.flatnonzero(parent == node)
            values = causes[inside, rng.integers(causes.shape[1])]
            leaf[inside] += values > np.quantile(values, rng.uniform(0.3, 0.7))
    labels = rng.permutation(np.arange(2**depth) % n_classes)[leaf]
    wrong = rng.random(len(labels)) < rng.uniform(0.0, 0.1)
    return np.where(wrong, rng.integers(0, n_classes, len(labels)), labels)


def _by_scale(rng: np.random.Generator, causes: Matrix, n_classes: int) -> NDArray[np.intp]:
    """Assign classes to equal steps of a noisy scale."""
    rank = np.argsort(np.argsort(_scores(rng, causes, 1)[:, 0]))
    return rank * n_classes // len(rank)


def _evenly(
    rng: np.random.Generator,
    causes: Matrix,
    labels: NDArray[np.intp],
    n_classes: int,
    per_class: int,
) -> Matrix:
    """Choose `per_class` rows of each class, class after class; repeatedly if there are too few."""
    chosen = []
    for c in range(n_classes):
        members = np.flatnonzero(labels == c)
        if members.size == 0:  # an empty class gets arbitrary rows
            members = rng.integers(0, len(causes), per_class)
        chosen.append(rng.choice(members, per_class, replace=members.size < per_class))
    return causes[np.concatenate(chosen)]
