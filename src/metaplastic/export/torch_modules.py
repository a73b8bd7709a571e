"""The few PyTorch modules that PyTorch lacks. Imports torch: imported only by an export to it.

No annotation may be a string here, as torch.jit.script reads them.
"""

from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from metaplastic.export.standardisation import Columns, Standardisation


class Standardise(nn.Module):
    """Inputs less their mean, over their standard deviation: `metaplastic.export.standardisation`.

    Where inputs are of a scale that float32 does not hold, the mean is taken away in float64.
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
        early = torch.float64 if numbers.wide else torch.float32
        for name, dtype in [
            ("first", early),
            ("second", early),
            ("centre", early),
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
    """Several layers read side by side, each centred and scaled."""

    index: torch.Tensor
    centre: torch.Tensor
    gain: torch.Tensor

    def __init__(self, layers: Any, columns: Columns) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.register_buffer("index", torch.tensor(columns.chosen))
        self.register_buffer("centre", torch.tensor(columns.centre, dtype=torch.float32))
        self.register_buffer("gain", torch.tensor(columns.gain, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        blocks: list[torch.Tensor] = []
        for layer in self.layers:
            x = layer(x)
            blocks.append(x)
        return (torch.cat(blocks, dim=1)[:, self.index] - self.centre) * self.gain


class Sin(nn.Module):
    """sin z."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.sin(z)


class Step(nn.Module):
    """1 where z > 0, else 0; its gradient is 0 everywhere."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (z > 0).to(z.dtype)
