"""Meta-objective `tuned-ridge`: `ridge` at the best of several penalties.

A fixed penalty asks the features to do what the penalty does not: where it is small, directions of
noise must have little variance, and a rule learns to make its features redundant. Whoever reads
features out chooses the penalty for them; so does this.
"""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.objective import Objective, sum_of_squares
from metaplastic.objectives.penalties import Penalties
from metaplastic.objectives.ridge import (
    DISTANCES,
    MEASURES,
    DistanceSettings,
    predict,
    ridge_readout,
)


class TunedRidgeSettings(DistanceSettings):
    """Settings of `tuned-ridge`."""

    penalties: Penalties = Field(
        default=(1e-4, 1e-3, 1e-2, 1e-1),
        min_length=1,
        description="each times the number of labelled examples and the mean square norm of their "
        "centred features, as in evaluation",
    )


class TunedRidge(Objective):
    """The least distance that ridge regression reaches over `penalties`, which are relative, so
    that the features' scale does not matter."""

    Settings: ClassVar = TunedRidgeSettings

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
        """The loss, differentiable in the features; cosine distance lies between 0 and 2."""
        del n_classes
        distance = DISTANCES[self.settings.distance]
        # where features are constant, the penalty is all there is to solve with
        size = sum_of_squares(fit_features)

        def loss(penalty: Array) -> Array:
            v, bias = ridge_readout(fit_features, fit_targets, penalty * size)
            return distance(test_targets, predict(test_features, v, bias))

        return jnp.min(jax.vmap(loss)(jnp.array(self.settings.penalties)))
