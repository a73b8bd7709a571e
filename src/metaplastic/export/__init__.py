"""Export of a fitted encoder's forward pass to ONNX and PyTorch (extras `onnx` and `torch`)."""

from metaplastic.export.onnx import to_onnx
from metaplastic.export.torch import to_torch

__all__ = ["to_onnx", "to_torch"]
