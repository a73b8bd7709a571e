"""Layer kind `conv`: each unit applies one receptive field at all positions of a map."""

from __future__ import annotations

from typing import ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from metaplastic.base_model.connection import Connection, Shape
from metaplastic.errors import ConfigError


class Conv(Connection):
    """2-D convolution of a map (batch, height, width, channels).

    `a[b, i, j] = Σ_{m,n,c} x[b, s i + m - p, s j + n - p, c] W[(m, n, c)]`, with stride s and
    padding p; W is (kernel · kernel · N_{l-1}, N_l), its rows in the order row, column, channel.
    Computed as a matrix product of patches and weights, which it remains under `vmap` over many
    networks.
    """

    kind: ClassVar[str] = "conv"

    kernel: int = Field(
        default=3, ge=1, description="side length of a receptive field, in positions"
    )
    stride: int = Field(default=1, ge=1, description="positions between receptive fields")
    padding: Literal["same", "valid"] = Field(
        default="same",
        description="zeros around the map (same), or complete receptive fields only (valid)",
    )

    @property
    def size(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.kernel}x{self.kernel}x{self.units}{stride}"

    def above(self, below: Shape) -> Shape:
        if len(below) != 3:
            raise ConfigError(
                f"a conv layer needs a map (height, width, channels) below it; the shape below is "
                f"{below}"
            )
        height, width = (self._positions(n) for n in below[:2])
        if height < 1 or width < 1:
            raise ConfigError(
                f"a kernel of {self.kernel} without padding does not fit a map of "
                f"{below[0]} x {below[1]}"
            )
        return (height, width, self.units)

    def fan_in(self, below: Shape) -> int:
        return self.kernel * self.kernel * below[-1]

    def linear(
        self, x: Float[Array, "batch *below"], w: Float[Array, "fan_in units"]
    ) -> Float[Array, "batch *above"]:
        return self.patches(x) @ w

    def patches(self, x: Float[Array, "batch *below"]) -> Float[Array, "batch *above_fan_in"]:
        """Return the receptive field at each position: (batch, height', width', fan-in)."""
        (top, bottom), (left, right) = (self.margins(n) for n in x.shape[1:3])
        height, width = (self._positions(n) for n in x.shape[1:3])
        x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        step = self.stride
        parts = [
            x[:, m : m + step * (height - 1) + 1 : step, n : n + step * (width - 1) + 1 : step]
            for m in range(self.kernel)
            for n in range(self.kernel)
        ]
        return jnp.concatenate(parts, axis=-1)

    def _positions(self, length: int) -> int:
        if self.padding == "same":
            return -(-length // self.stride)
        return (length - self.kernel) // self.stride + 1

    def margins(self, length: int) -> tuple[int, int]:
        """Return the padding before and after a side of the map; an odd zero goes after."""
        if self.padding == "valid":
            return (0, 0)
        total = max(0, (self._positions(length) - 1) * self.stride + self.kernel - length)
        return (total // 2, total - total // 2)
