"""The values of images with more than 8 bits per channel, which Pillow decodes only in part.

Pillow decodes 16-bit and 32-bit grey images in full, but colour with 8 bits per channel: of 16 bits
it decodes the upper byte. The raw mode with the other byte order decodes the lower one.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GREY = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_NOT_NATIVE = "B" if sys.byteorder == "little" else "L"
_LOWER_BYTE = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", _NOT_NATIVE))
} | {"LA;16B": "RGBA"}  # two channels of two bytes, read as four channels of one byte
# libtiff returns numbers in the machine's byte order; Pillow handles this only for unsigned 16 bits
_NATIVE = {"F;32BF": "F;32NF", "I;32BS": "I;32NS", "I;16BS": "I;16NS"}


class Depth:
    """The bit depth of an image that was opened but whose pixels are not loaded yet."""

    def __init__(self, image: Any) -> None:
        self._image = image
        self._colour = set() if image.mode in _GREY else _sixteen_bits(image)

    @property
    def is_deep(self) -> bool:
        """Whether `read` returns more than 8 bits per channel."""
        return self._image.mode in _GREY or (
            bool(self._colour) and self._colour <= _LOWER_BYTE.keys()
        )

    @property
    def is_cut(self) -> bool:
        """Whether there are more than 8 bits, of which only the upper 8 can be read."""
        return bool(self._colour) and not self.is_deep

    def mend_byte_order(self) -> None:
        """Correct what Pillow gets wrong in compressed TIFF files of the other byte order."""
        _change_raw_modes(self._image, _NATIVE, only="libtiff")

    def read(self, again: Any) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
        """Return the values, (h, w) grey or (h, w, 3) colour, of a deep image that is loaded.

        again: the same image, opened a second time. Also returns the opacity (h, w) from 0 to 1, or
        None if every pixel is opaque.
        """
        image = self._image
        if image.mode in _GREY:
            values, opacity = _grey(image), None
        else:
            _change_raw_modes(again, _LOWER_BYTE)
            upper, lower = np.asarray(image), np.asarray(again)
            values, opacity = _colour(upper, lower, grey="LA;16B" in self._colour)
        transparent = image.info.get("transparency")  # a value, or one of three channels
        if isinstance(transparent, int) and values.ndim == 2:
            opacity = (values != transparent).astype(np.float32)
        elif isinstance(transparent, tuple) and values.ndim == 3:
            opacity = (values != np.asarray(transparent)).any(-1).astype(np.float32)
        return values, opacity if opacity is not None and bool((opacity < 1).any()) else None


def _raw_mode(tile: Any) -> object:
    return tile[3][0] if isinstance(tile[3], tuple) and tile[3] else tile[3]


def _sixteen_bits(image: Any) -> set[str]:
    """Return the raw modes with 16 bits per channel in which the image's bytes are packed."""
    modes = [_raw_mode(tile) for tile in image.tile]
    return {mode for mode in modes if isinstance(mode, str) and ";16" in mode}


def _change_raw_modes(image: Any, table: dict[str, str], only: str | None = None) -> None:
    tiles: list[Any] = []
    for tile in image.tile:
        mode = _raw_mode(tile)
        if isinstance(mode, str) and mode in table and only in (None, tile[0]):
            other = table[mode]
            args = other if isinstance(tile[3], str) else (other, *tile[3][1:])
            tile = tile._replace(args=args)
        tiles.append(tile)
    image.tile = tiles


def _grey(image: Any) -> NDArray[Any]:
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", None)
    # A TIFF with unsigned 32-bit samples, which Pillow reads as signed.
    if image.mode == "I" and tags and tags.get(258) == (32,) and tags.get(339, (1,)) == (1,):
        values = values.view(np.uint32)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _colour(
    upper: NDArray[np.uint8], lower: NDArray[np.uint8], *, grey: bool
) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    if grey:
        upper, lower = lower[..., ::2], lower[..., 1::2]
    whole: NDArray[Any] = upper.astype(np.uint16) << 8 | lower
    if whole.shape[-1] == 3:
        return whole, None
    opacity: NDArray[Any] = whole[..., -1].astype(np.float32) / np.float32(65535)
    return (whole[..., 0] if grey else whole[..., :3]), opacity
