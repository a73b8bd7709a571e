"""Map the values of images with more than 8 bits per channel to 0 … 255."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.parsers.images import Picture, Reading
from metaplastic.data.resizing import resize_images

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in Pillow


@dataclass(frozen=True)
class PixelRange:
    """The values that become 0 and 255, linearly; others are clipped."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.10g} to {self.high:.10g}"


@dataclass
class Extremes:
    """The lowest and highest value in a set's images, fully transparent pixels left out."""

    low: float = np.inf
    high: float = -np.inf
    fractions: bool = False

    def add(self, picture: Picture) -> None:
        values = picture.values if picture.alpha is None else picture.values[picture.alpha > 0]
        if values.size:
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))
        self.fractions |= values.dtype.kind == "f"

    def range(self) -> PixelRange:
        """Return the range of the set.

        Values within 0 … 255 are kept; floating-point values within 0 … 1 are multiplied by 255.
        """
        if self.low >= 0 and self.high <= 1 and self.fractions:
            return PixelRange(0, 1)
        if self.low >= 0 and self.high <= 255:
            return PixelRange(0, 255)
        return PixelRange(self.low, self.high) if self.low <= self.high else PixelRange(0, 255)


def to_bytes(picture: Picture, reading: Reading, pixel_range: PixelRange) -> NDArray[np.uint8]:
    """Convert a picture to uint8 (h, w) or (h, w, 3), with the size and mode of `reading`.

    The range applies only to pictures with more than 8 bits.
    """
    if not picture.deep:
        values = _resized(picture.values, reading.size)
        return np.asarray(values, np.uint8)
    # Crop first: the following arrays take several times the memory.
    values = scaled(_square(picture.values, reading.size), pixel_range)
    if picture.alpha is not None:
        alpha = _square(picture.alpha, reading.size)
        alpha = alpha if values.ndim == 2 else alpha[..., None]
        values = values * alpha + np.float32(reading.background) * (1 - alpha)
    if reading.mode == "grey" and values.ndim == 3:
        values = values @ _LUMA
    values = np.rint(_resized(values, reading.size)).clip(0, 255).astype(np.uint8)
    return (
        np.repeat(values[..., None], 3, -1)
        if reading.mode == "colour" and values.ndim == 2
        else values
    )


def scaled(values: NDArray[Any], pixel_range: PixelRange) -> NDArray[np.float32]:
    """Map values linearly to 0 … 255, clipped."""
    width = pixel_range.high - pixel_range.low
    scaled = values.astype(np.float64)
    scaled -= pixel_range.low
    scaled *= 255 / width if width > 0 else 0
    return scaled.clip(0, 255, out=scaled).astype(np.float32)


def _square(values: NDArray[Any], size: int | None) -> NDArray[Any]:
    """Return the central square if a size is given."""
    if size is None:
        return values
    side = min(values.shape[:2])
    top, left = (values.shape[0] - side) // 2, (values.shape[1] - side) // 2
    return values[top : top + side, left : left + side]


def _resized(values: NDArray[Any], size: int | None) -> NDArray[Any]:
    if size is None:
        return values
    return resize_images(_square(values, size)[None], (size, size))[0]
