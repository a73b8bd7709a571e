"""The base model that an encoder's parameters describe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from metaplastic.base_model import Connection, ModelSpec, parse_model, perceptron
from metaplastic.errors import ConfigError

if TYPE_CHECKING:
    from metaplastic.encoder.parameters import Parameters

# what `model` takes the place of, as it is where nothing was given
PERCEPTRON: dict[str, Any] = {
    "hidden_layer_sizes": (128, 64),
    "n_components": 32,
    "activation": "relu",
}


def base_model(parameters: Parameters, n_inputs: int) -> ModelSpec:
    """The base model of an encoder of so many inputs.

    Raises `ConfigError` where `model` describes none, is for another number of inputs, or is given
    beside a parameter that it takes the place of.
    """
    if parameters.model is None:
        sizes = layer_sizes(n_inputs, parameters.hidden_layer_sizes, parameters.n_components)
        return perceptron(sizes, str(parameters.activation))
    model = described(parameters.model)
    beside = [
        name
        for name, default in PERCEPTRON.items()
        if plain(getattr(parameters, name)) != plain(default)
    ]
    if beside:
        raise ConfigError(
            f"model describes the layers and their activation; leave out {', '.join(beside)}"
        )
    if (expected := math.prod(model.inputs)) != n_inputs:
        shape = " x ".join(map(str, model.inputs))
        raise ConfigError(
            f"model: inputs {shape} are {expected} numbers a row; X has {n_inputs} columns"
        )
    return model


def described(model: ModelSpec | Mapping[str, Any]) -> ModelSpec:
    """The parameter `model` as a spec. Raises `ConfigError` that names every wrong field."""
    return model if isinstance(model, ModelSpec) else parse_model(plain(model))


def layer_sizes(n_inputs: int, hidden: int | Iterable[int], n_features: int) -> tuple[int, ...]:
    """(N_0, ..., N_L). Raises `ConfigError` on a hidden layer that is not an integer from 1."""
    given: tuple[Any, ...] = (hidden,) if isinstance(hidden, Integral) else tuple(hidden)  # pyright: ignore
    if not all(isinstance(n, Integral) and int(n) >= 1 for n in given):
        raise ConfigError(f"hidden_layer_sizes {given}: give integers of at least 1, or none")
    return (n_inputs, *(int(n) for n in given), int(n_features))


def plain(value: Any) -> Any:
    """A parameter as JSON holds it: NumPy's scalars and arrays become Python's, models tables."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Integral):
        return value if isinstance(value, bool) else int(value)
    if isinstance(value, (str, float)) or value is None:
        return value
    if isinstance(value, Connection):
        return {"kind": value.kind, **value.model_dump(mode="json", exclude_defaults=True)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, Iterable) else value
