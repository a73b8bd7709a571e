"""Meta-objective `regression`: how well continuous targets are predicted, one by one.

Ridge regression on one batch; on the other, the mean over targets of the squared error in units of
the target's variance there, which is 1 - R². The label's columns are left out where there are
others.
"""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.objective import Objective, ObjectiveSettings, sum_of_squares
from metaplastic.objectives.penalties import Penalties
from metaplastic.objectives.ridge import predict, ridge_readout

_CONSTANT = 1e-8  # a variance below this is that of a target which the task does not vary


class RegressionSettings(ObjectiveSettings):
    """Settings of `regression`."""

    penalties: Penalties = Field(
        default=(1e-4, 1e-3, 1e-2, 1e-1, 1.0),
        min_length=1,
        description="each times the number of labelled examples and the mean square norm of their "
        "centred features; the best counts",
    )


class Regression(Objective):
    """The least 1 - R² that ridge regression reaches over `penalties`, mean over those targets
    that vary; 0 where none does."""

    Settings: ClassVar = RegressionSettings

    @property
    def measure(self) -> str:
        return "1 - R²"

    def __call__(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None = None,
    ) -> Float[Array, ""]:
        """The loss, differentiable in the features: 0 is perfect, 1 no better than the mean."""
        if n_classes is not None and n_classes < fit_targets.shape[1]:
            fit_targets, test_targets = fit_targets[:, n_classes:], test_targets[:, n_classes:]
        size = sum_of_squares(fit_features)
        variance = jnp.var(test_targets, axis=0)
        varies = variance > _CONSTANT

        def loss(penalty: Array) -> Array:
            v, bias = ridge_readout(fit_features, fit_targets, penalty * size)
            error = jnp.mean(jnp.square(test_targets - predict(test_features, v, bias)), axis=0)
            share = jnp.where(varies, error / jnp.where(varies, variance, 1.0), 0.0)
            return jnp.sum(share) / jnp.maximum(jnp.sum(varies), 1)

        return jnp.min(jax.vmap(loss)(jnp.array(self.settings.penalties)))
