"""Connections: how the units of a layer are wired to the layer below. A linear map, described by
JSON.

Whatever its spatial shape, a layer's weights W^l are one matrix (fan-in, units); a column is the
receptive field of one unit. Activity is (batch, units) in a layer of a perceptron and (batch,
height, width, units) in a map. The last axis is that of the units, and the positions of a map are
additional examples for a unit.
"""

from __future__ import annotations

import abc
from typing import ClassVar

from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.settings import SettingsModel

Shape = tuple[int, ...]  # of one example: (units,), or (height, width, units)


class Connection(SettingsModel, abc.ABC):
    """The geometry of one layer, without weights and independent of learning."""

    kind: ClassVar[str]

    units: int = Field(ge=1, description="N_l, the units of a layer or the channels of a map")
    skip: int = Field(
        default=0,
        ge=0,
        description="residual connection: add x^(l - skip), of the same shape, to x^l; 0: none",
    )

    def __str__(self) -> str:
        return f"{self.size}+{self.skip}" if self.skip else self.size

    @property
    def size(self) -> str:
        """The number of units, and what else distinguishes layers of this kind, as in "3x3x8"."""
        return str(self.units)

    @abc.abstractmethod
    def above(self, below: Shape) -> Shape:
        """Return the shape of this layer's activity, given the shape `below`. Raises `ConfigError`
        if the layer does not fit."""

    @abc.abstractmethod
    def fan_in(self, below: Shape) -> int:
        """Return the number of weights in a receptive field."""

    @abc.abstractmethod
    def linear(
        self, x: Float[Array, "batch *below"], w: Float[Array, "fan_in units"]
    ) -> Float[Array, "batch *above"]:
        """Multiply the activity below by the weights: linear in `x` and linear in `w`."""
