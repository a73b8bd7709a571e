"""How the units of a layer are wired to those below: a linear map, described by JSON.

Whatever its shape in space, a layer's weights W^l are one matrix (fan-in, units): a column is the
receptive field of one unit. Activity is (batch, units) in a layer of a perceptron and
(batch, height, width, units) in a map; the last axis is that of the units, and positions of a map
are further examples to a unit.
"""

from __future__ import annotations

import abc
from typing import ClassVar

from jaxtyping import Array, Float
from pydantic import BaseModel, ConfigDict, Field

Shape = tuple[int, ...]  # of one example: (units,), or (height, width, units)


class Connection(BaseModel, abc.ABC):
    """The geometry of one layer. Holds no weights and knows nothing of learning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]

    units: int = Field(ge=1, description="N_l: units of a layer, channels of a map")
    skip: int = Field(
        default=0,
        ge=0,
        description="residual connection: x^l gains x^(l - skip), of the same shape; 0: none",
    )

    @abc.abstractmethod
    def above(self, below: Shape) -> Shape:
        """The shape of this layer's activity over one of shape `below`. Raises `ConfigError` where
        it does not fit."""

    @abc.abstractmethod
    def fan_in(self, below: Shape) -> int:
        """Weights of one unit's receptive field."""

    @abc.abstractmethod
    def linear(
        self, x: Float[Array, "batch *below"], w: Float[Array, "fan_in units"]
    ) -> Float[Array, "batch *above"]:
        """The activity below times the weights: linear in `x`, and linear in `w`."""
