"""The parameters of `PlasticEncoder`, and the values of those left at None."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import BaseModel
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions

from metaplastic import hub
from metaplastic.base_model import ACTIVATIONS, Connection, ModelSpec, parse_model, perceptron
from metaplastic.encoder.scale import SCALES
from metaplastic.errors import ConfigError
from metaplastic.rules import Rule

INNER_STEPS = 200  # if no card says how many the rule was meta-trained for
BATCH_SIZE = 256

# the defaults of the parameters that `model` replaces
PERCEPTRON: dict[str, Any] = {
    "hidden_layer_sizes": (128, 64),
    "n_components": 32,
    "activation": "relu",
}


class Parameters(TransformerMixin, BaseEstimator):
    """Parameters of `PlasticEncoder`, which documents them."""

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "rule": [str, PathLike, Rule],
        "hidden_layer_sizes": ["array-like", tuple, Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "model": [ModelSpec, dict, None],
        "layers": [StrOptions({"all", "last"}), "array-like", tuple],
        "neighbours": [Interval(Integral, 0, None, closed="left")],
        "scale": [StrOptions(set(SCALES))],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
        "batch_size": [Interval(Integral, 2, None, closed="left"), None],
        "early_stopping": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "max_age": [Interval(Integral, 0, None, closed="left"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        rule: str | PathLike[str] | Rule = "default",
        hidden_layer_sizes: int | Iterable[int] = (128, 64),
        n_components: int = 32,
        *,
        model: ModelSpec | Mapping[str, Any] | None = None,
        layers: str | Iterable[int] = "all",
        neighbours: int = 0,
        scale: str = "auto",
        activation: str = "relu",
        max_iter: int | None = None,
        batch_size: int | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        max_age: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.rule = rule
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_components = n_components
        self.model = model
        self.layers = layers
        self.neighbours = neighbours
        self.scale = scale
        self.activation = activation
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.max_age = max_age
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class Horizon(NamedTuple):
    """How a rule was meta-trained to be applied: inner steps, and rows of a minibatch."""

    steps: int
    batch_size: int


def horizon_of(rule: str | PathLike[str] | Rule) -> Horizon:
    """Return the horizon on the rule's card, or 200 and 256. Raises RuleFileError as
    `load_rule`."""
    if isinstance(rule, Rule):
        return Horizon(INNER_STEPS, BATCH_SIZE)
    card = hub.load_card(rule)
    return Horizon(card.horizon or INNER_STEPS, card.batch_size or BATCH_SIZE)


def base_model(parameters: Parameters, n_inputs: int) -> ModelSpec:
    """Return the base model of an encoder with `n_inputs` inputs.

    Raises `ConfigError` if `model` is invalid, is for another number of inputs, or is given
    together with a parameter that it replaces.
    """
    if parameters.model is None:
        sizes = layer_sizes(n_inputs, parameters.hidden_layer_sizes, parameters.n_components)
        return perceptron(sizes, str(parameters.activation))
    model = as_spec(parameters.model)
    conflicting = [
        name
        for name, default in PERCEPTRON.items()
        if plain(getattr(parameters, name)) != plain(default)
    ]
    if conflicting:
        raise ConfigError(
            f"model describes the layers and their activation; leave out {', '.join(conflicting)}"
        )
    if (expected := math.prod(model.inputs)) != n_inputs:
        shape = " x ".join(map(str, model.inputs))
        raise ConfigError(
            f"model: inputs {shape} are {expected} numbers per row; X has {n_inputs} columns"
        )
    return model


def as_spec(model: ModelSpec | Mapping[str, Any]) -> ModelSpec:
    """Return the parameter `model` as a spec. Raises `ConfigError` that names every invalid
    field."""
    return model if isinstance(model, ModelSpec) else parse_model(plain(model))


def layer_sizes(n_inputs: int, hidden: int | Iterable[int], n_features: int) -> tuple[int, ...]:
    """Return (N_0, ..., N_L). Raises `ConfigError` if a hidden size is not a positive integer."""
    sizes: tuple[Any, ...] = (hidden,) if isinstance(hidden, Integral) else tuple(hidden)  # pyright: ignore
    if not all(isinstance(n, Integral) and int(n) >= 1 for n in sizes):
        raise ConfigError(f"hidden_layer_sizes {sizes}: give integers of at least 1, or ()")
    return (n_inputs, *(int(n) for n in sizes), int(n_features))


def plain(value: Any) -> Any:
    """Return a parameter in JSON form: NumPy scalars and arrays become Python's, models dicts."""
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
