"""Meta-objective `tuned-ridge`: `ridge` at the best of several penalties.

A fixed penalty asks the features to do what the penalty does not: where it is small, directions of
noise must have little variance, and a rule learns to make its features redundant. Whoever reads
features out chooses the penalty for them; so does this.

By default the penalty is the best for the very batch that the loss is taken on, which makes the
loss a little too low: it is what the shipped rule was meta-trained with. `chosen_on = "fit"` takes
the best by leaving out one example of the first batch at a time, and the second is not looked at.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.objective import Objective, sum_of_squares
from metaplastic.objectives.penalties import Penalties
from metaplastic.objectives.ridge import DISTANCES, DistanceSettings, predict, ridge_readout


class TunedRidgeSettings(DistanceSettings):
    """Settings of `tuned-ridge`."""

    penalties: Penalties = Field(
        default=(1e-4, 1e-3, 1e-2, 1e-1),
        min_length=1,
        description="each times the number of labelled examples and the mean square norm of their "
        "centred features, as in evaluation",
    )
    chosen_on: Literal["test", "fit"] = Field(
        default="test",
        description="the labelled batch that chooses the penalty: `test`, which the loss is taken "
        "on, or `fit`, by leaving out one example at a time",
    )


class TunedRidge(Objective):
    """The least distance that ridge regression reaches over `penalties`, which are relative, so
    that the features' scale does not matter."""

    Settings: ClassVar = TunedRidgeSettings

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

        penalties = jnp.array(self.settings.penalties)
        losses = jax.vmap(loss)(penalties)
        if self.settings.chosen_on == "test":
            return jnp.min(losses)

        def left_out(penalty: Array) -> Array:
            return distance(fit_targets, leave_one_out(fit_features, fit_targets, penalty * size))

        chosen = jnp.argmin(jax.lax.stop_gradient(jax.vmap(left_out)(penalties)))
        return losses[chosen]


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
