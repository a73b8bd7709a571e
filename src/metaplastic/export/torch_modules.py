"""The few PyTorch modules that PyTorch lacks. Imports torch: imported only by an export to it.

No annotation may be a string here, as torch.jit.script reads them.
"""

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]


class Standardise(nn.Module):
    """(2^-k x − centre − rest) / std, with the centre taken away first, which keeps digits.

    Where k is not 0, inputs are of a scale that float32 does not hold: what comes before `rest` is
    computed in float64.
    """

    centre: torch.Tensor
    rest: torch.Tensor
    std: torch.Tensor

    def __init__(self, exponent: int, centre: float, rest: float, std: float) -> None:
        super().__init__()
        wide = torch.float32 if exponent == 0 else torch.float64
        # two factors, as 2^-k alone may be beyond float64
        half = exponent // 2
        self.wide = exponent != 0
        self.first, self.second = 2.0**-half, 2.0 ** (half - exponent)
        self.register_buffer("centre", torch.tensor(centre, dtype=wide))
        self.register_buffer("rest", torch.tensor(rest, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.wide:
            x = x.to(torch.float64) * self.first * self.second
        return ((x - self.centre).to(self.std.dtype) - self.rest) / self.std


class Sin(nn.Module):
    """sin z."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.sin(z)


class Step(nn.Module):
    """1 where z > 0, else 0; its gradient is 0 everywhere."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (z > 0).to(z.dtype)
