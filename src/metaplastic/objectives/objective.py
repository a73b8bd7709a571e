"""The interface of every meta-objective: typed settings, and a scalar of two labelled batches."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import BaseModel, ConfigDict, Field

from metaplastic.settings import validated

Layers = Literal["last", "all", "inputs-and-all"]


class ObjectiveSettings(BaseModel):
    """Settings that every meta-objective has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: Layers = Field(
        default="last",
        description="what is read: the last layer's activity as it is; or every layer's, or the "
        "inputs and every layer's, side by side, each block centred and scaled",
    )


class Objective(eqx.Module):
    """A loss of features and targets, differentiable in the features.

    It is learned on one labelled batch and judged on another. `targets` are (examples, T): in the
    first `n_classes` columns the label, one-hot and centred; in the others continuous targets.
    Without `n_classes`, all columns are the label's. Raises `ConfigError` on settings that it may
    not have.
    """

    Settings: ClassVar[type[ObjectiveSettings]] = ObjectiveSettings

    settings: Any = eqx.field(static=True, default=None)

    def __init__(self, **settings: Any) -> None:
        self.settings = validated(self.Settings, settings, "objective settings")

    @property
    def measure(self) -> str:
        """What the loss is and its units, for axes and cards."""
        return "loss"

    @property
    def layers(self) -> Layers:
        """Which layers the features are to be read from."""
        return self.settings.layers

    @abc.abstractmethod
    def __call__(
        self,
        fit_features: Float[Array, "fit features"],
        fit_targets: Float[Array, "fit targets"],
        test_features: Float[Array, "test features"],
        test_targets: Float[Array, "test targets"],
        n_classes: int | None = None,
    ) -> Float[Array, ""]:
        """The loss of what is learned on the first batch, on the second."""


def sum_of_squares(features: Float[Array, "examples features"]) -> Float[Array, ""]:
    """Of the centred features; never zero, as they are divided by it or solved with it.

    Penalties and temperatures are in units of it, or of its share per example, so that the scale
    of the features does not matter.
    """
    centred = features - jnp.mean(features, axis=0, keepdims=True)
    return jnp.sum(centred * centred) + 1e-6
