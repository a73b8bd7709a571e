"""Functions shared by meta-objectives on classes: labels from targets, distances, cross entropy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def one_hot_labels(
    targets: Float[Array, "examples targets"], n_classes: int | None
) -> Float[Array, "examples classes"]:
    """Return 1 in the column of each example's class, 0 elsewhere."""
    labels = targets if n_classes is None else targets[:, :n_classes]
    return jax.nn.one_hot(jnp.argmax(labels, axis=1), labels.shape[1], dtype=targets.dtype)


def squared_distances(
    x: Float[Array, "examples features"], y: Float[Array, "others features"]
) -> Float[Array, "examples others"]:
    """Compute |x_i - y_j|²."""
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    return jnp.sum(x * x, axis=1)[:, None] + jnp.sum(y * y, axis=1)[None] - 2.0 * product


def cross_entropy(
    log_probabilities: Float[Array, "examples classes"],
    one_hot: Float[Array, "examples classes"],
) -> Float[Array, ""]:
    """Compute the mean cross entropy in units of log C, the value for guessing: it is 1 at chance
    for any number of classes C, so that tasks of few and of many classes have equal weight."""
    log_likelihood = jnp.sum(log_probabilities * one_hot, axis=1)
    return -jnp.mean(log_likelihood) / float(np.log(one_hot.shape[1]))
