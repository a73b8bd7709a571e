"""Decode image files to arrays of one shape."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.progress import Progress
from metaplastic.data.resizing import resize_images
from metaplastic.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif"})
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF")
MAX_PIXELS = 100_000_000
_GREY = frozenset({"1", "L", "LA", "La", "I", "F"})


def is_image(name: str) -> bool:
    return "." in name and f".{name.rsplit('.', 1)[-1].lower()}" in SUFFIXES


def decode(
    data: bytes, where: str, size: int | None = None, mode: str | None = None
) -> NDArray[np.uint8]:
    """One image as uint8: (h, w) where it is grey, (h, w, 3) where in colour.

    size: cut to the central square and resize to size × size. mode: "grey" or "colour" to convert.
    Raises DataError naming `where` for anything that does not decode whole.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS or width * height == 0:
                raise DataError(f"{where}: {width}x{height} pixels; at most {MAX_PIXELS} are read")
            if size is not None and min(width, height) >= 4 * size:
                image.draft(None, (2 * size, 2 * size))  # a JPEG can be decoded smaller
            array = _to_array(image, mode)
    except DataError:
        raise
    except Exception as error:  # the decoders raise errors of many kinds on damaged files
        raise DataError(
            f"{where}: cannot be decoded as an image ({_first_line(error)}); "
            "expected a whole PNG, JPEG, BMP, GIF or WebP file"
        ) from error
    if size is None:
        return array
    side = min(array.shape[:2])
    top, left = (array.shape[0] - side) // 2, (array.shape[1] - side) // 2
    square = array[top : top + side, left : left + side]
    return np.asarray(resize_images(square[None], (size, size))[0], np.uint8)


def _first_line(error: Exception) -> str:
    text = str(error).split("\n")[0]
    # Pillow puts the address of the buffer into its message.
    return "not of a known format" if "BytesIO" in text else text or type(error).__name__


def _to_array(image: Any, mode: str | None) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16") or image.mode == "I":
        array = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return array if mode != "colour" else np.repeat(array[..., None], 3, -1)
    grey = image.mode in _GREY
    target = {"grey": "L", "colour": "RGB", None: "L" if grey else "RGB"}[mode]
    return np.asarray(image.convert(target), np.uint8)


class Collector:
    """Gathers decoded images in one array, grey until the first colour image comes.

    Memory is that of the result; pages not yet written to cost none.
    """

    def __init__(self, count: int, what: str) -> None:
        self._count, self._what = count, what
        self._array: NDArray[np.uint8] | None = None
        self._colour = False
        self._first = ""

    def put(self, index: int, image: NDArray[np.uint8], where: str) -> None:
        if self._array is None:
            self._colour = image.ndim == 3
            self._array = np.zeros((self._count, *image.shape), np.uint8)
            self._first = where
        if image.shape[:2] != self._array.shape[1:3]:
            a, b = image.shape[:2], self._array.shape[1:3]
            raise DataError(
                f"{where} has {a[0]}x{a[1]} pixels, {self._first} {b[0]}x{b[1]}; "
                f"give one resolution for all, for instance {self._what}@32"
            )
        if image.ndim == 3 and not self._colour:
            self._array = np.repeat(self._array[..., None], 3, -1)
            self._colour = True
        self._array[index] = image if image.ndim == 3 or not self._colour else image[..., None]

    def result(self) -> NDArray[np.uint8]:
        assert self._array is not None
        return self._array


def collect(
    files: Iterable[tuple[str, bytes]],
    slots: dict[str, int],
    what: str,
    prefix: str,
    size: int | None,
    mode: str | None,
    progress: Progress,
) -> NDArray[np.uint8]:
    """Decode files into the slots given for their names: (n, h, w) or (n, h, w, 3)."""
    collector = Collector(len(slots), what)
    done = 0
    for name, data in files:
        where = f"{prefix}/{name}"
        collector.put(slots[name], decode(data, where, size, mode), where)
        done += 1
        if done % 500 == 0 or done == len(slots):
            progress("reading images", done, len(slots))
    if done != len(slots):
        raise DataError(
            f"{prefix}: {done} of {len(slots)} images could be read; it changed meanwhile"
        )
    return collector.result()
