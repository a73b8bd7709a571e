"""Meta-objective `tuned-ridge`: `ridge` at the best of several penalties.

With a fixed, small penalty, only the features themselves can keep the readout from fitting noise: a
rule then learns to make its features redundant. In use the penalty is chosen to suit the features,
so it is chosen here too.

By default the penalty is the best for the very batch that the loss is taken on, which makes the
loss a little too low: it is what the shipped rule was meta-trained with. `chosen_on = "fit"` takes
the best by leaving out one example of the first batch at a time, and does not look at the second.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.objective import sum_of_squares
from metaplastic.objectives.ridge import (
    DISTANCES,
    MEASURES,
    DistanceSettings,
    predict,
    ridge_readout,
)
from metaplastic.objectives.tuned import TunedObjective, TunedSettings


class TunedRidgeSettings(TunedSettings, DistanceSettings):
    """Settings of `tuned-ridge`."""

    chosen_on: Literal["test", "fit"] = Field(
        default="test",
        description="the labelled batch that chooses the penalty: `test`, which the loss is taken "
        "on, or `fit`, by leaving out one example at a time",
    )


class TunedRidge(TunedObjective):
    """The distance that ridge regression reaches at the best of `penalties`; cosine distance lies
    between 0 and 2."""

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
        losses = self.losses(fit_features, fit_targets, test_features, test_targets, n_classes)
        if self.settings.chosen_on == "test":
            return jnp.min(losses)
        distance, size = DISTANCES[self.settings.distance], sum_of_squares(fit_features)

        def left_out(penalty: Array) -> Array:
            return distance(fit_targets, leave_one_out(fit_features, fit_targets, penalty * size))

        penalties = jnp.array(self.settings.penalties)
        return losses[jnp.argmin(jax.lax.stop_gradient(jax.vmap(left_out)(penalties)))]

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


def leave_one_out(
    u: Float[Array, "examples features"],
    y: Float[Array, "examples targets"],
    penalty: float | Array,
) -> Float[Array, "examples targets"]:
    """What ridge regression fitted to all other examples predicts of each.

    In closed form, `y - (y - H y) / (1 - diag H)` with the smoother `H = 1/n + K (K + λ I)^-1` of
    the centred features' Gram matrix K; the bias is not penalised.
    """
    n = u.shape[0]
    centred = u - jnp.mean(u, axis=0)[None]
    gram = jnp.matmul(centred, centred.T, precision=jax.lax.Precision.HIGHEST)
    factor = jax.scipy.linalg.cho_factor(gram + penalty * jnp.eye(n, dtype=gram.dtype))
    smoother = 1.0 / n + jax.scipy.linalg.cho_solve(factor, gram)
    rest = y - jnp.matmul(smoother, y, precision=jax.lax.Precision.HIGHEST)
    return y - rest / jnp.maximum(1.0 - jnp.diagonal(smoother), 1e-6)[:, None]
