"""A fitted encoder as an ONNX graph: standardisation, batch norm and all, folded into products.

Input "X", float32 (rows, n_features_in_); output "features", float32 (rows, n_components). Where
the encoder was fitted to inputs of so large or so small a scale that float32 does not hold them,
"X" is float64.
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
from metaplastic.errors import ConfigError, MissingExtraError, ModelFileError

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

    exponent = int(network.exponent)
    kind, dtype = (TensorProto.DOUBLE, np.float64) if exponent else (TensorProto.FLOAT, np.float32)
    x = "X"
    if exponent:  # two factors, as 2^-k alone may be beyond float64
        for name, power in (("half_scaled", exponent // 2), ("scaled", exponent - exponent // 2)):
            x = node("Mul", [x, constant(f"{name}_by", 2.0**-power, dtype)], name)
    if network.centre != 0.0:
        x = node("Sub", [x, constant("centre", network.centre, dtype)], "centred")
    if exponent:
        x = node("Cast", [x], "single", to=TensorProto.FLOAT)
    layers = network.folded(np.float32)
    for index, (matrix, offset) in enumerate(layers, start=1):
        operands = [constant(f"A{index}", matrix), constant(f"c{index}", offset)]
        z = node("Gemm", [x, *operands], f"z{index}")
        x = "features" if index == len(layers) else f"x{index}"
        _activate(node, constant, network.activation, z, x)

    rows, (n_in, *_, n_out) = "rows", network.sizes
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
