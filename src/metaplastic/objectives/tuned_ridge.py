"""Meta-objective `tuned-ridge`: `ridge` at the best of several penalties.

With a fixed, small penalty, only the features themselves can keep the readout from fitting noise,
so a rule learns to make its features redundant. In practice, the penalty is tuned to the features,
so it is tuned here too.

The penalty is chosen by leave-one-out cross-validation on the first batch, without the second.
`chosen_on = "test"` takes the best one on the batch on which the loss is computed, which makes the
loss slightly too low; the shipped rule was meta-trained with this.
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
        default="fit",
        description="the labelled batch on which the penalty is chosen: `fit`, by leave-one-out "
        "cross-validation, or `test`, on which the loss is computed",
    )


class TunedRidge(TunedObjective):
    """The distance of ridge regression at the best of `penalties`; cosine distance is between 0 and
    2."""

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

        def validation_loss(penalty: Array) -> Array:
            return distance(fit_targets, leave_one_out(fit_features, fit_targets, penalty * size))

        penalties = jnp.array(self.settings.penalties)
        return losses[jnp.argmin(jax.lax.stop_gradient(jax.vmap(validation_loss)(penalties)))]

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
    """Predict each example by ridge regression fitted to all the others.

    In closed form, this is `y - (y - H y) / (1 - diag H)` with the smoother `H = 1/n + K (K + λ
    I)^-1`, K being the Gram matrix of the centred features; the bias is not penalised.
    """
    n = u.shape[0]
    centred = u - jnp.mean(u, axis=0)[None]
    gram = jnp.matmul(centred, centred.T, precision=jax.lax.Precision.HIGHEST)
    factor = jax.scipy.linalg.cho_factor(gram + penalty * jnp.eye(n, dtype=gram.dtype))
    smoother = 1.0 / n + jax.scipy.linalg.cho_solve(factor, gram)
    residual = y - jnp.matmul(smoother, y, precision=jax.lax.Precision.HIGHEST)
    return y - residual / jnp.maximum(1.0 - jnp.diagonal(smoother), 1e-6)[:, None]
