"""Meta-objective `nearest-mean`: how close examples are to the mean of their class.

With m_c the mean of class c in one batch, an example u of the other has class c with probability

    softmax_c(-|u - m_c|² / (τ s)),

s being the mean square norm of the first batch's centred features: the loss of prototypical
networks (Snell et al. 2017), for features of any scale.
"""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.classes import cross_entropy, one_hot_labels, squared_distances
from metaplastic.objectives.objective import Objective, ObjectiveSettings, sum_of_squares


class NearestMeanSettings(ObjectiveSettings):
    """Settings of `nearest-mean`."""

    temperature: float = Field(
        default=0.1,
        gt=0,
        description="τ; squared distances are divided by τ times the mean square norm of the "
        "features",
    )


class NearestMean(Objective):
    """Cross entropy of a softmax over distances to class means, in units of that of guessing."""

    Settings: ClassVar = NearestMeanSettings

    @property
    def measure(self) -> str:
        return "cross entropy, in units of guessing"

    def __call__(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None = None,
    ) -> Float[Array, ""]:
        """Compute the loss, which is differentiable in the features."""
        labels, test_labels = (one_hot_labels(y, n_classes) for y in (fit_targets, test_targets))
        counts = jnp.maximum(jnp.sum(labels, axis=0), 1.0)[:, None]
        means = jnp.matmul(labels.T, fit_features, precision=jax.lax.Precision.HIGHEST) / counts
        scale = self.settings.temperature * sum_of_squares(fit_features) / len(fit_features)
        scores = -squared_distances(test_features, means) / scale
        return cross_entropy(jax.nn.log_softmax(scores, axis=1), test_labels)
