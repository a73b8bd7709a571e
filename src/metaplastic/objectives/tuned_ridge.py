"""Meta-objective `tuned-ridge`: `ridge` at the best of several penalties.

With a fixed, small penalty, only the features themselves can keep the readout from fitting noise: a
rule then learns to make its features redundant. In use the penalty is chosen to suit the features,
so it is chosen here too.
"""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Array, Float

from metaplastic.objectives.ridge import DISTANCES, DistanceSettings, predict, ridge_readout
from metaplastic.objectives.tuned import TunedObjective, TunedSettings


class TunedRidgeSettings(TunedSettings, DistanceSettings):
    """Settings of `tuned-ridge`."""


class TunedRidge(TunedObjective):
    """The least distance that ridge regression reaches over `penalties`; cosine distance lies
    between 0 and 2."""

    Settings: ClassVar = TunedRidgeSettings

    def loss(
        self,
        penalty: Float[Array, ""],
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None,
    ) -> Float[Array, ""]:
        del n_classes
        v, bias = ridge_readout(fit_features, fit_targets, penalty)
        return DISTANCES[self.settings.distance](test_targets, predict(test_features, v, bias))
