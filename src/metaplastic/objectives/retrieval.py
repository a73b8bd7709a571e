"""Meta-objective `retrieval`: are an example's nearest others of its class?

Both batches together, each example i picks another, j, with probability

    p_ij = softmax_{j ≠ i}(-|u_i - u_j|² / (τ s)),

s being the mean square norm of the centred features; the loss is -log of the probability that the
neighbour is of its class. It is neighbourhood components analysis (Goldberger et al. 2005), a
smooth leave-one-out nearest neighbour.
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
        description="τ: squared distances are in units of this times the features' mean square "
        "norm; the smaller, the fewer neighbours count",
    )


class Retrieval(Objective):
    """Surprise that an example's neighbours are of its class, in units of log C."""

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
        """The loss, differentiable in the features."""
        u = jnp.concatenate([fit_features, test_features])
        one_hot = one_hot_labels(jnp.concatenate([fit_targets, test_targets]), n_classes)
        same = jnp.matmul(one_hot, one_hot.T) > 0.5
        oneself = jnp.eye(len(u), dtype=bool)
        scale = self.settings.temperature * sum_of_squares(u) / len(u)
        nearness = jnp.where(oneself, -jnp.inf, -squared_distances(u, u) / scale)
        of_class = jnp.where(same & ~oneself, nearness, -jnp.inf)
        surprise = jax.nn.logsumexp(nearness, axis=1) - jax.nn.logsumexp(of_class, axis=1)
        return jnp.mean(surprise) / float(np.log(one_hot.shape[1]))
