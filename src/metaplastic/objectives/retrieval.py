"""Meta-objective `retrieval`: do an example's nearest neighbours have its class?

In both batches together, each example i picks another one, j, with probability

    p_ij = softmax_{j ≠ i}(-|u_i - u_j|² / (τ s)),

s being the mean square norm of the centred features; the loss is -log of the probability that the
neighbour has the same class. This is neighbourhood components analysis (Goldberger et al. 2005), a
smooth leave-one-out nearest-neighbour classifier.
"""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.classes import one_hot_labels, squared_distances
from metaplastic.objectives.objective import Objective, ObjectiveSettings, sum_of_squares


class RetrievalSettings(ObjectiveSettings):
    """Settings of `retrieval`."""

    temperature: float = Field(
        default=0.1,
        gt=0,
        description="τ; squared distances are divided by τ times the mean square norm of the "
        "features; the smaller τ, the fewer neighbours count",
    )


class Retrieval(Objective):
    """Surprise that an example's neighbours have its class, in units of log C."""

    Settings: ClassVar = RetrievalSettings

    @property
    def measure(self) -> str:
        return "surprise at neighbours' classes, in units of guessing"

    def __call__(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None = None,
    ) -> Float[Array, ""]:
        """Compute the loss, which is differentiable in the features."""
        u = jnp.concatenate([fit_features, test_features])
        one_hot = one_hot_labels(jnp.concatenate([fit_targets, test_targets]), n_classes)
        same = jnp.matmul(one_hot, one_hot.T) > 0.5
        itself = jnp.eye(len(u), dtype=bool)
        scale = self.settings.temperature * sum_of_squares(u) / len(u)
        logits = jnp.where(itself, -jnp.inf, -squared_distances(u, u) / scale)
        same_class = jnp.where(same & ~itself, logits, -jnp.inf)
        surprise = jax.nn.logsumexp(logits, axis=1) - jax.nn.logsumexp(same_class, axis=1)
        return jnp.mean(surprise) / float(np.log(one_hot.shape[1]))
