"""Meta-objectives that tune the penalty of their readout, as users would do."""

from __future__ import annotations

import abc
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.objectives.objective import Objective, ObjectiveSettings, sum_of_squares

Penalties = tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]


def penalties_field(*default: float) -> Any:
    """Define the setting `penalties` with this default."""
    return Field(
        default=default,
        min_length=1,
        description="penalties of the readout, each multiplied by the number of labelled examples "
        "and the mean square norm of their centred features, as in evaluation; the best one "
        "counts",
    )


class TunedSettings(ObjectiveSettings):
    """Settings of an objective with a tuned penalty."""

    penalties: Penalties = penalties_field(1e-4, 1e-3, 1e-2, 1e-1)


class TunedObjective(Objective):
    """The lowest loss over `penalties`. Penalties are relative to the size of the features, so that
    the scale of these does not matter, and stay positive even if the features are constant."""

    Settings: ClassVar[type[ObjectiveSettings]] = TunedSettings

    def __call__(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None = None,
    ) -> Float[Array, ""]:
        """Compute the loss at the best penalty, which is differentiable in the features."""
        return jnp.min(
            self.losses(fit_features, fit_targets, test_features, test_targets, n_classes)
        )

    def losses(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None,
    ) -> Float[Array, " penalties"]:
        """Compute the loss at each penalty."""
        size = sum_of_squares(fit_features)

        def loss(penalty: Array) -> Array:
            return self.loss(
                penalty * size, fit_features, fit_targets, test_features, test_targets, n_classes
            )

        return jax.vmap(loss)(jnp.array(self.settings.penalties))

    @abc.abstractmethod
    def loss(
        self,
        penalty: Float[Array, ""],
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None,
    ) -> Float[Array, ""]:
        """Compute the loss at one penalty of the readout, in units of squared features."""
