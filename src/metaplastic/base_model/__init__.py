"""The base model φ: its shape (`spec`), its layers, and its features.

To add a kind of layer, write a new file with its `Connection` and add a line to `LAYERS` (spec.py).
"""

from metaplastic.base_model.activations import ACTIVATIONS, get_activation
from metaplastic.base_model.batch_norm import BN_EPSILON, Statistics
from metaplastic.base_model.connection import Connection, Shape
from metaplastic.base_model.conv import Conv
from metaplastic.base_model.dense import Dense, pooled_shape, regions
from metaplastic.base_model.initial import initialise, layer_keys, random_layer
from metaplastic.base_model.layer import Layer, fold, unit_norm
from metaplastic.base_model.model import (
    Activity,
    Phi,
    features,
    forward,
    layer_features,
    population_statistics,
    read,
)
from metaplastic.base_model.spec import (
    LAYERS,
    ModelSpec,
    parse_model,
    perceptron,
    residual_perceptron,
)

__all__ = [
    "ACTIVATIONS",
    "BN_EPSILON",
    "LAYERS",
    "Activity",
    "Connection",
    "Conv",
    "Dense",
    "Layer",
    "ModelSpec",
    "Phi",
    "Shape",
    "Statistics",
    "features",
    "fold",
    "forward",
    "get_activation",
    "initialise",
    "layer_features",
    "layer_keys",
    "parse_model",
    "perceptron",
    "pooled_shape",
    "population_statistics",
    "random_layer",
    "read",
    "regions",
    "residual_perceptron",
    "unit_norm",
]
