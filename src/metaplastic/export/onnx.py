"""A fitted encoder as an ONNX graph: standardisation, batch norm and all, folded into products.

Input "X", float32 (rows, n_features_in_); output "features", float32, the columns of `transform`.
Where the encoder was fitted to inputs of so large or so small a scale that float32 does not hold
them, "X" is float64.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metaplastic import files
from metaplastic._version import __version__
from metaplastic.encoder import PlasticEncoder
from metaplastic.encoder.reading import layers_read
from metaplastic.errors import ConfigError, MissingExtraError, ModelFileError
from metaplastic.export.standardisation import Columns, Standardisation

if TYPE_CHECKING:
    import onnx

OPSET = 20  # the first with Gelu
_SIMPLE = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "sin": "Sin"}


def to_onnx(encoder: PlasticEncoder, path: str | PathLike[str] | None = None) -> onnx.ModelProto:
    """The forward pass of a fitted encoder; written to `path` as well where one is given.

    Raises MissingExtraError without the package onnx, scikit-learn's NotFittedError,
    ConfigError for an activation that has no ONNX form here, ModelFileError where the file cannot
    be written.
    """
    try:
        from onnx import TensorProto, checker, helper, numpy_helper
    except ImportError:
        raise MissingExtraError("onnx", "onnx", "export to ONNX") from None
    check_is_fitted(encoder, "network_")
    network = encoder.network_
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: Any, dtype: Any = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    scale = Standardisation.of(network)
    kind, dtype = (
        (TensorProto.DOUBLE, np.float64) if scale.wide else (TensorProto.FLOAT, np.float32)
    )
    x = "X"
    if scale.wide:
        x = node("Mul", [x, constant("first", scale.first, dtype)], "half_scaled")
        x = node("Mul", [x, constant("second", scale.second, dtype)], "scaled")
    x = node("Sub", [x, constant("centre", scale.centre, dtype)], "centred")
    if scale.wide:
        x = node("Cast", [x], "single", to=TensorProto.FLOAT)
    x = node("Sub", [x, constant("rest", scale.rest)], "less_rest")
    x = node("Div", [x, constant("std", scale.std)], "unclipped")
    bounds = [constant("least", -scale.limit), constant("greatest", scale.limit)]
    blocks = [x := node("Clip", [x, *bounds], "x0")]

    layers = layers_read(encoder.layers, len(network.weights))
    columns = None if layers is None else Columns.of(network, layers)
    depth = len(network.weights) if columns is None else columns.deepest
    for index in range(1, depth + 1):
        matrix, offset = network.standardised_affine(index - 1)
        operands = [constant(f"A{index}", matrix), constant(f"c{index}", offset)]
        z = node("Gemm", [x, *operands], f"z{index}")
        x = "features" if columns is None and index == depth else f"x{index}"
        _activate(node, constant, network.activation, z, x)
        blocks.append(x)
    if columns is not None:
        x = node("Concat", blocks, "all_layers", axis=1)
        x = node("Gather", [x, constant("index", columns.chosen, np.int64)], "read", axis=1)
        x = node("Sub", [x, constant("block_centre", columns.centre)], "read_centred")
        node("Mul", [x, constant("block_gain", columns.gain)], "features")

    rows, n_in = "rows", network.sizes[0]
    n_out = network.sizes[-1] if columns is None else len(columns.chosen)
    graph = helper.make_graph(
        nodes,
        "PlasticEncoder",
        [helper.make_tensor_value_info("X", kind, [rows, n_in])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [rows, n_out])],
        constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
        producer_name="metaplastic",
        producer_version=__version__,
    )
    checker.check_model(model)
    if path is not None:
        files.write(Path(fspath(path)), model.SerializeToString(), ModelFileError)
    return model


def _activate(node: Any, constant: Any, activation: str, z: str, x: str) -> None:
    """The nodes that turn pre-activation `z` into post-activation `x`."""
    if activation in _SIMPLE:
        node(_SIMPLE[activation], [z], x)
    elif activation == "leaky_relu":
        node("LeakyRelu", [z], x, alpha=0.1)
    elif activation == "gelu":
        node("Gelu", [z], x, approximate="tanh")
    elif activation == "swish":
        node("Mul", [z, node("Sigmoid", [z], f"{x}_gate")], x)
    elif activation == "step":
        fires = node("Greater", [z, constant(f"{x}_zero", 0.0)], f"{x}_fires")
        node("Cast", [fires], x, to=1)  # 1 is float32
    else:
        raise ConfigError(f"activation {activation!r} has no ONNX form in this version")
