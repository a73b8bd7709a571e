"""A fitted encoder's forward pass for other run times: ONNX and PyTorch, both extras."""

from metaplastic.export.onnx import to_onnx
from metaplastic.export.torch import to_torch

__all__ = ["to_onnx", "to_torch"]
