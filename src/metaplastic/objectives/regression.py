"""Meta-objective `regression`: how well continuous targets are predicted, one by one.

Ridge regression is fitted on one batch; the loss is the mean over targets of the squared error on
the other batch, in units of the target's variance there, which is 1 - R². The columns of the label
are ignored if there are others.
"""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from metaplastic.objectives.ridge import predict, ridge_readout
from metaplastic.objectives.tuned import (
    Penalties,
    TunedObjective,
    TunedSettings,
    penalties_field,
)

_CONSTANT = 1e-8  # a target with a smaller variance does not vary in the task


class RegressionSettings(TunedSettings):
    """Settings of `regression`."""

    penalties: Penalties = penalties_field(1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class Regression(TunedObjective):
    """The lowest 1 - R² of ridge regression over `penalties`, averaged over the targets that vary;
    0 if none does. 1 is no better than predicting the mean."""

    Settings: ClassVar = RegressionSettings

    @property
    def measure(self) -> str:
        return "1 - R²"

    def loss(
        self,
        penalty: Float[Array, ""],
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None,
    ) -> Float[Array, ""]:
        if n_classes is not None and n_classes < fit_targets.shape[1]:
            fit_targets, test_targets = fit_targets[:, n_classes:], test_targets[:, n_classes:]
        variance = jnp.var(test_targets, axis=0)
        varies = variance > _CONSTANT
        v, bias = ridge_readout(fit_features, fit_targets, penalty)
        error = jnp.mean(jnp.square(test_targets - predict(test_features, v, bias)), axis=0)
        unexplained = jnp.where(varies, error / jnp.where(varies, variance, 1.0), 0.0)
        return jnp.sum(unexplained) / jnp.maximum(jnp.sum(varies), 1)
