"""Architectures of the base models that a rule is meta-trained on, and their distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field, model_validator

from metaplastic.base_model import ACTIVATIONS, Conv, Dense, ModelSpec, perceptron
from metaplastic.setting_kinds import OneOf
from metaplastic.settings import SettingsModel

Topology = Literal["perceptron", "residual", "conv"]


@dataclass(frozen=True)
class Architecture:
    """The shape of a group of tasks: its inputs, and the layers of the base model.

    Inputs are square images of `side` pixels; or, if `columns` is given, rows of that many numbers,
    in which case `side` and `channels` are ignored.
    """

    side: int
    channels: int
    hidden: tuple[int, ...]
    n_features: int
    activation: str = "relu"
    columns: int | None = None
    topology: Topology = "perceptron"
    kernel: int = 5

    @property
    def is_map(self) -> bool:
        """Whether the base model uses the positions of pixels, which are then not permuted."""
        return self.topology == "conv"

    @property
    def model(self) -> ModelSpec:
        """The base model. With `residual`, each hidden layer except the first adds to the one
        below; with `conv`, hidden layers are convolutions of stride 2, and the top layer reads
        means over four quadrants."""
        if self.topology == "conv":
            hidden = (Conv(units=n, kernel=self.kernel, stride=2) for n in self.hidden)
            layers = (*hidden, Dense(units=self.n_features, pool=2))
            shape = (self.side, self.side, self.channels)
            return ModelSpec(inputs=shape, layers=layers, activation=self.activation)
        plain = perceptron(self.sizes, self.activation)
        if self.topology == "perceptron":
            return plain
        residual = [layer.model_copy(update={"skip": 1}) for layer in plain.layers[1:-1]]
        layers = (*plain.layers[:1], *residual, *plain.layers[1:][-1:])
        return plain.model_copy(update={"layers": layers})

    @property
    def is_image(self) -> bool:
        """Whether inputs are images, which sources of images require."""
        return self.columns is None

    @property
    def n_inputs(self) -> int:
        """N_0."""
        return self.side * self.side * self.channels if self.columns is None else self.columns

    @property
    def sizes(self) -> tuple[int, ...]:
        """(N_0, ..., N_L)."""
        return (self.n_inputs, *self.hidden, self.n_features)

    def same_as(self, other: Architecture) -> bool:
        """Return whether both have the same inputs and base model; fields that are ignored may
        differ."""
        if self.is_image or other.is_image:
            return self == other
        return self.model == other.model

    def __str__(self) -> str:
        return str(self.model)


class ArchitectureSpace(SettingsModel):
    """The distribution of architectures. The paper has 2 to 5 layers of 64 to 512 units.

    `layers` counts all layers of weights, including the one that computes the features. The last
    `vector_groups` of a run's groups take rows of numbers, the others images.
    """

    sides: tuple[int, ...] = Field(default=(14,), min_length=1, description="image sides in pixels")
    channels: tuple[int, ...] = Field(default=(1,), min_length=1, description="1: grey, 3: colour")
    layers: tuple[int, int] = Field(default=(2, 3), description="fewest and most layers of weights")
    units: tuple[int, ...] = Field(
        default=(64, 128), min_length=1, description="widths of hidden layers"
    )
    n_features: tuple[int, ...] = Field(
        default=(32,), min_length=1, description="widths of the top layer"
    )
    activations: tuple[Annotated[str, OneOf(ACTIVATIONS)], ...] = Field(
        default=("relu",), min_length=1, description="activations, the same in all layers"
    )
    topologies: tuple[Topology, ...] = Field(
        default=("perceptron",),
        min_length=1,
        description="perceptron, residual (hidden layers add to those below) or conv (hidden "
        "layers are convolutions; for images only, whose pixels are then not permuted)",
    )
    maps: tuple[int, ...] = Field(
        default=(16, 32), min_length=1, description="channels of convolutions"
    )
    kernels: tuple[int, ...] = Field(
        default=(3, 5), min_length=1, description="side lengths of the kernels of convolutions"
    )
    columns: tuple[int, ...] = Field(
        default=(),
        description="numbers of columns in groups that take rows of numbers",
        examples=[[16, 48, 128]],
    )
    vector_groups: int = Field(
        default=0, ge=0, description="number of groups that take rows of numbers"
    )
    redraw: int = Field(
        default=0,
        ge=0,
        description="meta-steps after which all groups are redrawn, with new architectures and "
        "numbers of classes and labels; 0: never. Tasks start again, and compiling each new shape "
        "takes seconds to a minute, so use a hundred or more. Validation keeps the first groups",
    )

    @model_validator(mode="after")
    def _check(self) -> ArchitectureSpace:
        low, high = self.layers
        if not 1 <= low <= high:
            raise ValueError(f"layers {self.layers}: need 1 <= fewest <= most")
        for name in ("sides", "units", "n_features", "columns", "maps", "kernels"):
            if min(getattr(self, name), default=1) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: all must be >= 1")
        if bool(self.columns) != bool(self.vector_groups):
            raise ValueError(
                f"columns {self.columns} and vector_groups {self.vector_groups}: groups that take "
                "rows of numbers need both"
            )
        if not set(self.channels) <= {1, 3}:
            raise ValueError(f"channels {self.channels}: each must be 1 (grey) or 3 (colour)")
        return self

    def draw(self, rng: np.random.Generator, *, vectors: bool = False) -> Architecture:
        """Draw an architecture with hidden layers of equal width, for images or rows of numbers."""
        layers = int(rng.integers(self.layers[0], self.layers[1] + 1))
        drawn = Architecture(
            side=int(rng.choice(self.sides)),
            channels=int(rng.choice(self.channels)),
            hidden=(int(rng.choice(self.units)),) * (layers - 1),
            n_features=int(rng.choice(self.n_features)),
            # with one option, no random number is used, so that older streams stay the same
            activation=_one_of(rng, self.activations),
            columns=int(rng.choice(self.columns)) if vectors else None,
        )
        allowed = [name for name in self.topologies if not (vectors and name == "conv")]
        topology = _one_of(rng, allowed or ["perceptron"])
        if topology == "conv":
            hidden = (int(rng.choice(self.maps)),) * max(1, layers - 1)
            kernel = int(rng.choice(self.kernels))
            return replace(drawn, topology=topology, hidden=hidden, kernel=kernel)
        return replace(drawn, topology=topology)

    def draw_distinct(self, rng: np.random.Generator, count: int) -> tuple[Architecture, ...]:
        """Draw `count` architectures, all different as long as the space has new ones."""
        drawn: list[Architecture] = []
        for number in range(count):
            vectors = number >= count - self.vector_groups
            new = self.draw(rng, vectors=vectors)
            for _ in range(100):
                if not any(map(new.same_as, drawn)):
                    break
                new = self.draw(rng, vectors=vectors)
            drawn.append(new)
        return tuple(drawn)


T = TypeVar("T")


def _one_of(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Draw one of the options uniformly; with a single one, no random number is used."""
    return options[int(rng.integers(len(options))) if len(options) > 1 else 0]
