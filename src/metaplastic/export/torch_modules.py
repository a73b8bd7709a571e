"""PyTorch modules that an export needs and PyTorch lacks.

This module imports torch, so it is imported only during an export. Annotations must not be strings
here, because torch.jit.script reads them.
"""

from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from metaplastic.export.standardisation import Columns, Standardisation


class Standardise(nn.Module):
    """Standardisation of the inputs (`metaplastic.export.standardisation`).

    If the inputs' scale is too large or too small for float32, the mean is subtracted in float64.
    """

    first: torch.Tensor
    second: torch.Tensor
    centre: torch.Tensor
    rest: torch.Tensor
    std: torch.Tensor

    def __init__(self, numbers: Standardisation) -> None:
        super().__init__()
        self.wide = numbers.wide
        self.limit = float(numbers.limit)
        input_dtype = torch.float64 if numbers.wide else torch.float32
        for name, dtype in [
            ("first", input_dtype),
            ("second", input_dtype),
            ("centre", input_dtype),
            ("rest", torch.float32),
            ("std", torch.float32),
        ]:
            self.register_buffer(name, torch.tensor(getattr(numbers, name), dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.wide:
            x = x.to(torch.float64) * self.first * self.second
        x = ((x - self.centre).to(self.std.dtype) - self.rest) / self.std
        return torch.clamp(x, -self.limit, self.limit)


class SideBySide(nn.Module):
    """Several layers read side by side, each centred and scaled.

    skips: for each layer, how many layers further down the activity that it adds comes from; 0 for
    none. readers: modules that turn each layer's activity into a matrix.
    """

    index: torch.Tensor
    centre: torch.Tensor
    gain: torch.Tensor

    def __init__(self, layers: Any, skips: list[int], readers: Any, columns: Columns) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.readers = nn.ModuleList(readers)
        self.skips = skips
        self.register_buffer("index", torch.tensor(columns.chosen))
        self.register_buffer("centre", torch.tensor(columns.centre, dtype=torch.float32))
        self.register_buffer("gain", torch.tensor(columns.gain, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        xs: list[torch.Tensor] = []
        blocks: list[torch.Tensor] = []
        for i, (layer, reader) in enumerate(zip(self.layers, self.readers)):  # noqa: B905
            x = layer(x)
            if self.skips[i] > 0:
                x = x + xs[i - self.skips[i]]
            xs.append(x)
            blocks.append(reader(x))
        return (torch.cat(blocks, dim=1)[:, self.index] - self.centre) * self.gain


class AsMap(nn.Module):
    """Reshape flat rows to maps (rows, channels, height, width)."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width, channels = self.shape
        return x.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


class Flat(nn.Module):
    """Flatten maps to rows, in the order row, column, channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class Regions(nn.Module):
    """Means of maps over the regions of a grid."""

    rows: torch.Tensor
    columns: torch.Tensor

    def __init__(self, rows: Any, columns: Any) -> None:
        super().__init__()
        self.register_buffer("rows", torch.tensor(rows, dtype=torch.float32))
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rows @ x @ self.columns


class Sin(nn.Module):
    """sin z."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.sin(z)


class Step(nn.Module):
    """1 where z > 0, else 0; its gradient is 0 everywhere."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (z > 0).to(z.dtype)
