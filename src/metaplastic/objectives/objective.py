"""The interface of meta-objectives: typed settings, and a scalar from two labelled batches."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.settings import SettingsModel, validated

Layers = Literal["last", "all", "inputs-and-all"]


class ObjectiveSettings(SettingsModel):
    """Settings that every meta-objective has."""

    layers: Layers = Field(
        default="last",
        description="the features to read: the activity of the last layer; or that of all layers, "
        "or the inputs and all layers, concatenated, each block centred and scaled",
    )


class Objective(eqx.Module):
    """A loss of features and targets, differentiable in the features.

    A readout is fitted on one labelled batch and evaluated on another. `targets` are (examples, T):
    the first `n_classes` columns are the label, one-hot and centred; the others are continuous
    targets. Without `n_classes`, all columns belong to the label. Raises `ConfigError` on invalid
    settings.
    """

    Settings: ClassVar[type[ObjectiveSettings]] = ObjectiveSettings

    settings: Any = eqx.field(static=True, default=None)

    def __init__(self, **settings: Any) -> None:
        self.settings = validated(self.Settings, settings, "objective settings")

    @property
    def measure(self) -> str:
        """What the loss is, in which units, for axis labels and cards."""
        return "loss"

    @property
    def layers(self) -> Layers:
        """The layers from which to read the features."""
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
        """Return the loss on the second batch of a readout fitted on the first."""


def sum_of_squares(features: Float[Array, "examples features"]) -> Float[Array, ""]:
    """Compute the sum of squares of the centred features, plus a small constant to avoid zero.

    Penalties and temperatures are in units of it, or of its mean over examples, so that the scale
    of the features does not matter.
    """
    centred = features - jnp.mean(features, axis=0, keepdims=True)
    return jnp.sum(centred * centred) + 1e-6
