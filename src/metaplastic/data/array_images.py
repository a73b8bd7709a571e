"""Map the images in arrays to 0 … 255, one map for all splits of a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.parsers.pixel_range import Extremes, PixelRange, scaled
from metaplastic.errors import DataError

_UNIT, _BYTES = PixelRange(0, 1), PixelRange(0, 255)
_FEWEST = 16  # levels of the 256: data that would keep fewer of them are stretched
_BLOCK = 1 << 24  # values converted at a time
_EXACT = 1e-3  # levels; k/255 in floating point is not rounded by more


def to_pixels(
    arrays: Sequence[NDArray[Any]], where: str
) -> tuple[list[NDArray[np.uint8]], tuple[str, ...]]:
    """Convert the images of each split to uint8, and say in notes how their values changed.

    Unsigned bytes are kept, and so are other values within 0 … 255; fractions within 0 … 1 are
    multiplied by 255. Where that would leave fewer than 16 levels, or values lie outside, the
    range of the set becomes 0 … 255, as in folders of images. Raises DataError if all values are
    the same and lie outside.
    """
    result = list(arrays)
    notes: list[str] = []
    for kinds in ("b", "iu", "f"):  # a file may hold bytes for one split, fractions for another
        chosen = [i for i, a in enumerate(arrays) if a.dtype.kind in kinds and a.dtype != np.uint8]
        if chosen:
            group = [arrays[i] for i in chosen]
            converted, note = _convert(group, _extremes(group), where)
            for i, images in zip(chosen, converted, strict=True):
                result[i] = images
            notes += note
    return result, tuple(notes)


def _extremes(arrays: Sequence[NDArray[Any]]) -> Extremes:
    low, high = min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)
    return Extremes(low, high, fractions=arrays[0].dtype.kind in "bf")


def _convert(
    arrays: Sequence[NDArray[Any]], seen: Extremes, where: str
) -> tuple[list[NDArray[np.uint8]], list[str]]:
    whole, own = seen.range(), PixelRange(seen.low, seen.high)
    if whole not in (_UNIT, _BYTES):
        if seen.low == seen.high:
            raise DataError(
                f"{where}: pixels run from {seen.low:g} to {seen.high:g}; expected 0 to 255, or "
                "0.0 to 1.0"
            )
        return _mapped(arrays, own)[0], [_own_note(own)]
    images, rounding = _mapped(arrays, whole)
    if rounding <= _EXACT:
        return images, []
    levels = (seen.high - seen.low) * 255 / (whole.high - whole.low)
    if 0 < levels < _FEWEST:
        return _mapped(arrays, own)[0], [_own_note(own)]
    return images, ["images: values rounded to 256 levels (0 to 255)"]


def _own_note(own: PixelRange) -> str:
    return f"images: values of {own}, the data's own range, become 0 to 255"


def _mapped(
    arrays: Sequence[NDArray[Any]], pixel_range: PixelRange
) -> tuple[list[NDArray[np.uint8]], float]:
    """Return the images as bytes, and the largest change by rounding, in levels."""
    results, rounding = [], 0.0
    for array in arrays:
        images = np.empty(array.shape, np.uint8)
        step = max(1, _BLOCK // array[0].size)
        for start in range(0, len(array), step):
            block = array[start : start + step]
            if pixel_range == _UNIT:
                values = block.astype(np.float32) * 255
            else:
                values = block if pixel_range == _BYTES else scaled(block, pixel_range)
            whole = np.rint(values)
            rounding = max(rounding, float(np.abs(values - whole).max()))
            images[start : start + step] = whole
        results.append(images)
    return results, rounding
