"""Nodes of an ONNX graph: a layer's linear map, its activation, and its reading as a matrix.

This module imports onnx, so it is imported only during an export. Maps are (rows, channels, height,
width) in the graph, as usual in ONNX; a layer that is read as a matrix is flattened in the order
row, column, channel, as everywhere in this package.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from metaplastic.base_model import Connection, Conv, Dense, Shape, regions
from metaplastic.encoder import Affine
from metaplastic.errors import ConfigError

_SIMPLE = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "sin": "Sin"}


class Graph:
    """Nodes and constants, in the order of their addition. Values are identified by name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant tensor; return its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node that computes `output`; return that name."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def linear(self, connection: Connection, below: Shape, x: str, affine: Affine, z: str) -> str:
        """Add a layer's linear map, from `x` (a map or a matrix) to the pre-activation `z`."""
        matrix = np.ascontiguousarray(affine.matrix)
        offset = self.constant(f"{z}_offset", affine.offset)
        if isinstance(connection, Dense):
            if len(below) == 3:
                x = self.read(x, below, connection.pool, f"{z}_below")
            return self.node("Gemm", [x, self.constant(f"{z}_matrix", matrix), offset], z)
        if not isinstance(connection, Conv):
            raise ConfigError(f"layers of kind {connection.kind!r} cannot be exported to ONNX")
        side = connection.kernel
        (top, bottom), (left, right) = (connection.margins(n) for n in below[:2])
        kernels = matrix.reshape(side, side, below[2], -1).transpose(3, 2, 0, 1)
        return self.node(
            "Conv",
            [x, self.constant(f"{z}_kernels", kernels), offset],
            z,
            strides=[connection.stride] * 2,
            pads=[top, left, bottom, right],
        )

    def as_map(self, x: str, shape: Shape, name: str) -> str:
        """Add a reshape of flat rows to a map."""
        rows = self.constant(f"{name}_shape", [-1, *shape], np.int64)
        x = self.node("Reshape", [x, rows], f"{name}_unfolded")
        return self.node("Transpose", [x], name, perm=[0, 3, 1, 2])

    def read(self, x: str, shape: Shape, grid: int | None, name: str) -> str:
        """Add the reading of a map as a matrix, of means over regions if there is a grid."""
        if grid is not None:
            rows, columns = (regions(n, grid) for n in shape[:2])
            x = self.node("MatMul", [self.constant(f"{name}_rows", rows), x], f"{name}_tall")
            x = self.node("MatMul", [x, self.constant(f"{name}_columns", columns.T)], f"{name}_map")
            shape = (len(rows), len(columns), shape[2])
        x = self.node("Transpose", [x], f"{name}_last", perm=[0, 2, 3, 1])
        flat = self.constant(f"{name}_shape", [-1, math.prod(shape)], np.int64)
        return self.node("Reshape", [x, flat], name)

    def activate(self, activation: str, z: str, x: str) -> str:
        """Add the activation, from pre-activation `z` to `x`."""
        if activation in _SIMPLE:
            return self.node(_SIMPLE[activation], [z], x)
        if activation == "leaky_relu":
            return self.node("LeakyRelu", [z], x, alpha=0.1)
        if activation == "gelu":
            return self.node("Gelu", [z], x, approximate="tanh")
        if activation == "swish":
            return self.node("Mul", [z, self.node("Sigmoid", [z], f"{x}_gate")], x)
        if activation == "step":
            fires = self.node("Greater", [z, self.constant(f"{x}_zero", 0.0)], f"{x}_fires")
            return self.node("Cast", [fires], x, to=1)  # 1 is float32
        raise ConfigError(f"activation {activation!r} cannot be exported to ONNX in this version")
