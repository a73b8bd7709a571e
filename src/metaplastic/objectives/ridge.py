"""Meta-objective `ridge`: a closed-form linear readout, scored on a second batch (paper A.3)."""

from __future__ import annotations

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.objective import Objective, ObjectiveSettings

_PRECISION = jax.lax.Precision.HIGHEST


def ridge_readout(
    u: Float[Array, "examples features"],
    y: Float[Array, "examples targets"],
    penalty: float | Array,
) -> tuple[Float[Array, "features targets"], Float[Array, " targets"]]:
    """Minimise `|y - u v - bias|^2 + penalty |v|^2` (equation 4); the bias is not penalised.

    Centring removes the bias from the problem. The smaller of the primal and the dual normal
    equations is solved, by Cholesky factorisation at full float32 precision. Returns v and the
    bias.
    """
    mean_u, mean_y = jnp.mean(u, axis=0), jnp.mean(y, axis=0)
    u, y = u - mean_u[None], y - mean_y[None]
    examples, n_features = u.shape
    if n_features <= examples:
        gram = jnp.matmul(u.T, u, precision=_PRECISION)
        right = jnp.matmul(u.T, y, precision=_PRECISION)
        v = _solve(gram, penalty, right)
    else:
        gram = jnp.matmul(u, u.T, precision=_PRECISION)
        v = jnp.matmul(u.T, _solve(gram, penalty, y), precision=_PRECISION)
    return v, mean_y - jnp.matmul(mean_u, v, precision=_PRECISION)


def _solve(gram: Array, penalty: float | Array, right: Array) -> Array:
    shifted = gram + penalty * jnp.eye(gram.shape[0], dtype=gram.dtype)
    factor = jnp.linalg.cholesky(shifted)
    half = jax.scipy.linalg.solve_triangular(factor, right, lower=True)
    return jax.scipy.linalg.solve_triangular(factor, half, lower=True, trans="T")


def predict(
    u: Float[Array, "examples features"],
    v: Float[Array, "features targets"],
    bias: Float[Array, " targets"],
) -> Float[Array, "examples targets"]:
    """Apply a readout to features."""
    return jnp.matmul(u, v, precision=_PRECISION) + bias[None]


def cosine_distance(
    y: Float[Array, "examples targets"], prediction: Float[Array, "examples targets"]
) -> Float[Array, ""]:
    """Compute the mean over examples of 1 - cos(y, prediction)."""
    dot = jnp.sum(y * prediction, axis=-1)
    squares = jnp.sum(y * y, axis=-1) * jnp.sum(prediction * prediction, axis=-1)
    return jnp.mean(1.0 - dot * jax.lax.rsqrt(squares + 1e-8))


def squared_error(
    y: Float[Array, "examples targets"], prediction: Float[Array, "examples targets"]
) -> Float[Array, ""]:
    """Compute the mean over examples of `|y - prediction|²`."""
    return jnp.mean(jnp.sum(jnp.square(y - prediction), axis=-1))


DISTANCES = {"cosine": cosine_distance, "squared": squared_error}
MEASURES = {"cosine": "cosine distance, 0 to 2", "squared": "squared error, a label counting 1"}


class DistanceSettings(ObjectiveSettings):
    """Settings of objectives that measure the distance between predictions and targets."""

    distance: Literal["cosine", "squared"] = Field(
        default="cosine",
        description="distance between targets and predictions: 1 - cos, or the squared error, "
        "where a label has norm 1 and the cost of distant predictions is unbounded",
    )


class RidgeSettings(DistanceSettings):
    """Settings of `ridge`."""

    penalty: float = Field(default=0.1, gt=0, description="λ in equation 4")


class Ridge(Objective):
    """Ridge regression fitted on one labelled batch, distance on another (equations 4 and 5)."""

    Settings: ClassVar = RidgeSettings

    @property
    def measure(self) -> str:
        return MEASURES[self.settings.distance]

    def __call__(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None = None,
    ) -> Float[Array, ""]:
        """Compute the loss, differentiable in the features; cosine distance is between 0 and 2."""
        del n_classes
        v, bias = ridge_readout(fit_features, fit_targets, self.settings.penalty)
        distance = DISTANCES[self.settings.distance]
        return distance(test_targets, predict(test_features, v, bias))
