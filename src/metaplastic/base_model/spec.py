"""The typed, JSON-serialisable description of a base model's shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from metaplastic.base_model.activations import ACTIVATIONS, get_activation
from metaplastic.base_model.connection import Connection, Shape
from metaplastic.base_model.conv import Conv
from metaplastic.base_model.dense import Dense, pooled_shape
from metaplastic.errors import ConfigError
from metaplastic.registry import Registry
from metaplastic.setting_kinds import OneOf
from metaplastic.settings import SettingsModel, validated

LAYERS: Registry[type[Connection]] = Registry(
    "layer kind",
    {"dense": Dense, "conv": Conv},
    group="layers",
    base="metaplastic.base_model.connection:Connection",
    named_by="kind",
)


def _connection(given: Any) -> Connection:
    if isinstance(given, Connection):
        return given
    if not isinstance(given, Mapping):
        raise ValueError(
            "a layer must be a table with a kind and units, such as {kind: dense, units: 64}"
        )
    kind = given.get("kind", "dense")
    try:
        LAYERS.check(str(kind))
    except ConfigError as error:
        raise ValueError(str(error)) from None
    settings = {name: value for name, value in given.items() if name != "kind"}
    return validated(LAYERS[kind], settings)


def _table(layer: Connection) -> dict[str, Any]:
    return {"kind": layer.kind, **layer.model_dump(exclude_defaults=True)}


LayerSpec = Annotated[Connection, BeforeValidator(_connection), PlainSerializer(_table)]


class ModelSpec(SettingsModel):
    """A base model: the shape of its inputs, its layers from bottom to top, and how it is read."""

    inputs: tuple[int, ...] = Field(description="(N_0,), or (height, width, channels) of images")
    layers: tuple[LayerSpec, ...] = Field(
        min_length=1,
        description="from the first to the top layer, each with its kind (default: dense)",
        examples=[[{"kind": "dense", "units": 64}]],
    )
    activation: Annotated[str, OneOf(ACTIVATIONS)] = Field(
        default="relu", description="the activation of all layers"
    )
    pool: int | None = Field(
        default=None,
        ge=1,
        description="read maps as means over a grid with this many regions per side; if not set, "
        "every position is a feature",
    )

    @model_validator(mode="after")
    def _fits(self) -> ModelSpec:
        try:
            if len(self.inputs) not in (1, 3) or min(self.inputs) < 1:
                raise ConfigError(
                    f"inputs {self.inputs}: need (inputs,) or (height, width, channels), all >= 1"
                )
            shapes = self.shapes
            for number, layer in enumerate(self.layers, start=1):
                if layer.skip > number or (
                    layer.skip and shapes[number - layer.skip] != shapes[number]
                ):
                    raise ConfigError(
                        f"layer {number}: skip {layer.skip} needs a layer of shape "
                        f"{shapes[number]} that many layers below; the shapes are {shapes}"
                    )
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of x^0 to x^L for one example."""
        shapes = [tuple(self.inputs)]
        for layer in self.layers:
            shapes.append(layer.above(shapes[-1]))
        return tuple(shapes)

    @property
    def wired(self) -> tuple[tuple[Shape, Connection], ...]:
        """Each layer, with the shape of the layer below it."""
        return tuple(zip(self.shapes, self.layers, strict=False))

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers of values that x^0 to x^L are read as: units, times regions of a map."""
        inputs, *shapes = self.shapes
        return (math.prod(inputs), *(math.prod(pooled_shape(s, self.pool)) for s in shapes))

    def __str__(self) -> str:
        text = "-".join(["x".join(map(str, self.inputs)), *map(str, self.layers)])
        return text if self.activation == "relu" else f"{text} {self.activation}"


def perceptron(sizes: Iterable[int], activation: str = "relu") -> ModelSpec:
    """Describe a multi-layer perceptron of `sizes` (N_0, ..., N_L). Raises `ConfigError` if there
    are fewer than two sizes, a size is below one, or the activation is unknown."""
    sizes = tuple(sizes)
    get_activation(activation)
    if len(sizes) < 2 or any(n < 1 for n in sizes):
        raise ConfigError(
            f"layer sizes {sizes}: need an input size and at least one layer, all >= 1"
        )
    return ModelSpec(
        inputs=sizes[:1], layers=tuple(Dense(units=n) for n in sizes[1:]), activation=activation
    )


def residual_perceptron(
    n_inputs: int, width: int, blocks: int, n_features: int, activation: str = "relu"
) -> ModelSpec:
    """Describe a perceptron with residual layers: `width` units in the first layer and in each of
    `blocks` residual layers, then `n_features` units."""
    middle = (Dense(units=width, skip=1),) * blocks
    layers = (Dense(units=width), *middle, Dense(units=n_features))
    return ModelSpec(inputs=(n_inputs,), layers=layers, activation=activation)


def parse_model(table: Mapping[str, Any]) -> ModelSpec:
    """Parse a model from nested tables, as read from JSON or TOML. Raises `ConfigError`, naming
    every wrong field."""
    return validated(ModelSpec, table, "base model")
