"""Resize images: area averaging if an axis shrinks, bilinear interpolation if it grows.

Both are linear maps along one axis, so an image becomes A_rows · image · A_columnsᵀ.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import DataError

MAX_SIZE = 1024
_BLOCK = 1 << 24  # float32 numbers held at once


@lru_cache(maxsize=64)
def axis_weights(old: int, new: int) -> NDArray[np.float32]:
    """Return the (new, old) matrix that resamples one axis; its rows add up to one.

    Shrinking: a new pixel averages the old ones it covers, weighted by the length covered.
    Growing: linear interpolation between pixel centres, with the edge repeated outwards.
    """
    if new <= old:
        edges = np.arange(new + 1) * (old / new)
        cells = np.arange(old)
        low = np.maximum(edges[:-1, None], cells)
        high = np.minimum(edges[1:, None], cells + 1)
        weights = np.maximum(high - low, 0.0)
    else:
        centres = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
        weights = np.maximum(1.0 - np.abs(centres[:, None] - np.arange(old)), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    result = weights.astype(np.float32)
    result.setflags(write=False)
    return result


def resize_images(images: NDArray[np.generic], size: tuple[int, int]) -> NDArray[np.generic]:
    """Resize images (n, height, width) or (n, height, width, channels) to a (height, width).

    uint8 stays uint8, rounded to nearest; other types become float32. Raises DataError for a size
    that is not between 1 and 1024.
    """
    if not all(1 <= side <= MAX_SIZE for side in size):
        raise DataError(f"cannot resize to {size[0]}x{size[1]}: a side has 1 to {MAX_SIZE} pixels")
    if images.ndim not in (3, 4):
        raise DataError(f"cannot resize inputs of shape {images.shape[1:]}: they are not images")
    if tuple(images.shape[1:3]) == tuple(size):
        return images
    count, height, width = images.shape[:3]
    channels = images.shape[3:]
    rows, columns = axis_weights(height, size[0]), axis_weights(width, size[1])
    whole = images.dtype == np.uint8
    out = np.empty((count, *size, *channels), np.uint8 if whole else np.float32)
    step = max(1, _BLOCK // max(1, height * width * max(1, int(np.prod(channels)))))
    for start in range(0, count, step):
        block = images[start : start + step]
        n = len(block)
        # (n, H, W·C): rows first, then columns, with channels last.
        resized = _resize_rows(rows, block.reshape(n, height, -1))
        resized = np.matmul(columns, resized.reshape(n, size[0], width, -1))
        resized = resized.reshape(n, *size, *channels)
        out[start : start + n] = np.clip(np.rint(resized), 0, 255) if whole else resized
    return out


def _resize_rows(rows: NDArray[np.float32], images: NDArray[np.generic]) -> NDArray[np.float32]:
    """Multiply rows (new, old) by images (n, old, values) in float32, a huge image in parts."""
    height, values = images.shape[1:]
    step = max(1, _BLOCK // max(1, values))
    if step >= height:
        return np.matmul(rows, images.astype(np.float32))
    total = np.zeros((len(images), len(rows), values), np.float32)
    for top in range(0, height, step):
        part = images[:, top : top + step].astype(np.float32)
        total += np.matmul(rows[:, top : top + step], part)
    return total
