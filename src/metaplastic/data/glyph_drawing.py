"""Draw characters like MNIST's digits: fitted into a box, centred, white on black."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.fonts import Font
from metaplastic.data.resizing import axis_weights

SIZE = 28
BOX = 22  # the longer side of a drawing
_POINT = 96  # drawn large and averaged down


def draw_font(font: Font, characters: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw characters: (n, 28, 28) uint8 images, and a mask (n,) of those that are present.

    A character that the font lacks or draws blank is not present. None is present if FreeType
    cannot open the font.
    """
    from PIL import ImageFont

    images = np.zeros((len(characters), SIZE, SIZE), np.uint8)
    present = np.zeros(len(characters), bool)
    try:
        # The basic layout is the same with and without the optional raqm library.
        face = ImageFont.truetype(
            str(font.path), _POINT, index=font.index, layout_engine=ImageFont.Layout.BASIC
        )
    except (OSError, ValueError):
        return images, present
    for index, character in enumerate(characters):
        if character not in font.characters:
            continue
        drawing = _draw(face, character)
        if drawing is not None:
            images[index] = drawing
            present[index] = True
    return images, present


def _draw(face: Any, character: str) -> NDArray[np.uint8] | None:
    try:
        mask = face.getmask(character, mode="L")
    except (OSError, ValueError):
        return None
    width, height = mask.size
    if width * height == 0 or width > 20 * _POINT or height > 20 * _POINT:
        return None
    ink = np.asarray(list(mask) if not hasattr(mask, "__array_interface__") else mask, np.uint8)
    return fit(ink.reshape(height, width))


def fit(ink: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Crop a drawing (h, w) to its ink, fit it into the box, centred at 28×28; None if blank."""
    rows, columns = np.flatnonzero((ink > 32).any(1)), np.flatnonzero((ink > 32).any(0))
    if rows.size == 0:
        return None
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    height, width = cut.shape
    scale = BOX / max(height, width)
    new = max(1, round(height * scale)), max(1, round(width * scale))
    small = axis_weights(height, new[0]) @ cut @ axis_weights(width, new[1]).T
    out = np.zeros((SIZE, SIZE), np.uint8)
    top, left = (SIZE - new[0]) // 2, (SIZE - new[1]) // 2
    out[top : top + new[0], left : left + new[1]] = np.clip(np.rint(small), 0, 255)
    return out
