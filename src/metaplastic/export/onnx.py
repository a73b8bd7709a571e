"""Export of a fitted encoder as an ONNX graph, including standardisation; batch norm is folded in.

Input "X", float32 (rows, n_features_in_); output "features", float32, the columns of `transform`.
"X" is float64 if the encoder was fitted to inputs whose scale is too large or too small for
float32.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metaplastic import files
from metaplastic._version import __version__
from metaplastic.encoder import PlasticEncoder
from metaplastic.encoder.reading import layers_read
from metaplastic.errors import MissingExtraError, ModelFileError
from metaplastic.export.exportable import exportable
from metaplastic.export.standardisation import Columns, Standardisation

if TYPE_CHECKING:
    import onnx

OPSET = 20  # the first with Gelu


def to_onnx(encoder: PlasticEncoder, path: str | PathLike[str] | None = None) -> onnx.ModelProto:
    """Return the forward pass of a fitted encoder; also write it to `path` if given.

    Raises MissingExtraError without the package onnx, scikit-learn's NotFittedError, ConfigError
    for an activation or a kind of layer without an ONNX version here, and ModelFileError if the
    file cannot be written.
    """
    try:
        from onnx import TensorProto, checker, helper
    except ImportError:
        raise MissingExtraError("onnx", "onnx", "export to ONNX") from None
    from metaplastic.export.onnx_graph import Graph

    network = exportable(encoder)
    graph = Graph()
    node, constant = graph.node, graph.constant

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

    spec = network.spec
    layers = layers_read(encoder.layers, len(spec.layers))
    columns = None if layers is None else Columns.of(network, layers)
    depth = len(spec.layers) if columns is None else columns.deepest
    if len(spec.inputs) == 3 and depth:
        x = graph.as_map(x, spec.inputs, "map0")
    xs = [x]
    for index, (below, connection) in enumerate(spec.wired[:depth], start=1):
        affine = network.standardised_affine(index - 1)
        z = graph.linear(connection, below, xs[-1], affine, f"z{index}")
        x = graph.activate(spec.activation, z, f"x{index}")
        if connection.skip:
            x = node("Add", [x, xs[index - connection.skip]], f"sum{index}")
        xs.append(x)
        shape = spec.shapes[index]
        if len(shape) == 3 and (columns is not None or index == depth):
            x = graph.read(x, shape, spec.pool, f"read{index}")
        blocks.append(x)
    if columns is None:
        node("Identity", [blocks[-1]], "features")
    else:
        x = node("Concat", blocks, "all_layers", axis=1)
        x = node("Gather", [x, constant("index", columns.chosen, np.int64)], "read", axis=1)
        x = node("Sub", [x, constant("block_centre", columns.centre)], "read_centred")
        node("Mul", [x, constant("block_gain", columns.gain)], "features")

    rows, n_in = "rows", network.sizes[0]
    n_out = network.sizes[-1] if columns is None else len(columns.chosen)
    onnx_graph = helper.make_graph(
        graph.nodes,
        "PlasticEncoder",
        [helper.make_tensor_value_info("X", kind, [rows, n_in])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [rows, n_out])],
        graph.constants,
    )
    model = helper.make_model(
        onnx_graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
        producer_name="metaplastic",
        producer_version=__version__,
    )
    checker.check_model(model)
    if path is not None:
        files.write(Path(fspath(path)), model.SerializeToString(), ModelFileError)
    return model
