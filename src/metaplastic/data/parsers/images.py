"""Decode one image file: upright, without transparency, at its full depth."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.parsers.depth import Depth
from metaplastic.data.parsers.image_formats import describe, formats_of
from metaplastic.data.parsers.quiet import no_stderr
from metaplastic.errors import DataError

MAX_PIXELS = 100_000_000
_BAND = 1 << 22  # pixels converted at once
_GREY = frozenset({"1", "L", "LA", "La"})


@dataclass(frozen=True)
class Reading:
    """Options for reading every image of a set.

    size: crop to the central square and resize to size × size. mode: "grey" or "colour" to convert.
    background: the grey value, 0 to 255, behind transparent pixels. value_range: the values of
    images with more than 8 bits that become 0 and 255; None uses the range of the set. upright:
    rotate images according to their EXIF orientation.
    """

    size: int | None = None
    mode: str | None = None
    background: int = 255
    value_range: tuple[float, float] | None = None
    upright: bool = True


@dataclass(frozen=True)
class Picture:
    """A decoded image, not yet resized.

    values: (h, w) grey or (h, w, 3) colour; uint8, or the values of the file if it has more than
    8 bits per channel. alpha: (h, w) opacity from 0 to 1 of such an image; an 8-bit image is
    already blended with the background. The flags are what a set's notes count.
    """

    values: NDArray[Any]
    alpha: NDArray[np.float32] | None = None
    see_through: bool = False
    turned: bool = False
    first_of_several: bool = False
    upper_bits_only: bool = False
    bad_exif: bool = False

    @property
    def deep(self) -> bool:
        """Whether the values are not yet 0 to 255."""
        return self.values.dtype != np.uint8


def decode(data: bytes, where: str, reading: Reading) -> Picture:
    """Decode one image.

    Raises DataError naming `where`, the file's path, if it cannot be decoded completely.
    """
    try:
        with _opened(data, where) as image:
            width, height = image.size
            if width * height > MAX_PIXELS or width * height == 0:
                raise DataError(f"{where}: {width}x{height} pixels; at most {MAX_PIXELS} are read")
            size = reading.size
            if size is not None and min(width, height) >= 4 * size:
                image.draft(None, (2 * size, 2 * size))  # a JPEG can be decoded at a smaller size
            # The layers of a PSD file form one image.
            several = image.format != "PSD" and bool(getattr(image, "is_animated", False))
            with no_stderr() if image.format == "TIFF" else nullcontext():
                picture = _decode(image, data, where, reading)
            picture = replace(picture, first_of_several=several)
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{where}: not enough memory to decode it") from error
    except Exception as error:  # decoders raise many kinds of errors on damaged files
        raise DataError(
            f"{where}: cannot be decoded as an image ({_first_line(error)}); "
            f"expected a complete file of {describe()}"
        ) from error
    return picture


@contextmanager
def _opened(data: bytes, where: str) -> Iterator[Any]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anything important is an error or a note of the set
        with Image.open(BytesIO(data), formats=formats_of(where)) as image:
            yield image


def _first_line(error: Exception) -> str:
    text = str(error).split("\n")[0][:200]
    # Pillow's message contains the memory address of the buffer.
    return "not of a known format" if "BytesIO" in text else text or type(error).__name__


def _decode(image: Any, data: bytes, where: str, reading: Reading) -> Picture:
    depth = Depth(image)
    depth.mend_byte_order()
    image.load()
    method, bad_exif = _transposition(image) if reading.upright else (None, False)
    values: NDArray[Any]
    alpha: NDArray[np.float32] | None = None
    if depth.is_deep:
        with _opened(data, where) as again:
            values, alpha = depth.read(again)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(f"{where}: holds pixels that are not finite numbers; fill them in")
        if method is not None:
            values = _transpose(values, method)
            alpha = None if alpha is None else _transpose(alpha, method)
        see_through = alpha is not None
    else:
        if method is not None:
            image = image.transpose(method)
        values, see_through = _eight_bits(image, data, reading)
    return Picture(
        values,
        alpha,
        see_through=see_through,
        turned=method is not None,
        upper_bits_only=depth.is_cut,
        bad_exif=bad_exif,
    )


def _transposition(image: Any) -> tuple[int | None, bool]:
    """Return the PIL.Image.Transpose that turns the image upright; and whether EXIF is damaged."""
    from PIL import Image
    from PIL.ExifTags import Base

    try:
        orientation = image.getexif().get(Base.Orientation, 1)
    except Exception:  # damaged metadata may hold anything; the pixels are intact
        return None, True
    turn = Image.Transpose
    methods = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }
    return methods.get(orientation), False


def _transpose(values: NDArray[Any], method: int) -> NDArray[Any]:
    from PIL.Image import Transpose as Turn

    flip_rows, flip_columns = (slice(None, None, -1),), (slice(None), slice(None, None, -1))
    swapped = values.swapaxes(0, 1)
    return {
        Turn.FLIP_LEFT_RIGHT: values[flip_columns],
        Turn.FLIP_TOP_BOTTOM: values[flip_rows],
        Turn.ROTATE_180: values[::-1, ::-1],
        Turn.TRANSPOSE: swapped,
        Turn.TRANSVERSE: swapped[::-1, ::-1],
        Turn.ROTATE_90: swapped[flip_rows],
        Turn.ROTATE_270: swapped[flip_columns],
    }[Turn(method)]


def _eight_bits(image: Any, data: bytes, reading: Reading) -> tuple[NDArray[np.uint8], bool]:
    """Return (h, w) or (h, w, 3), and whether any pixel was transparent; in bands, for memory."""
    _scale_transparency(image, data)
    width, height = image.size
    grey = reading.mode == "grey" or (reading.mode is None and image.mode in _GREY)
    array = np.empty((height, width) if grey else (height, width, 3), np.uint8)
    see_through = False
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        end = min(top + step, height)
        band = image if step >= height else image.crop((0, top, width, end))
        band, transparent = _on_background(band, reading.background)
        see_through |= transparent
        array[top:end] = np.asarray(band.convert("L" if grey else "RGB"))
    return array, see_through


def _on_background(image: Any, tone: int) -> tuple[Any, bool]:
    """Return the image without transparency, and whether any pixel was not opaque."""
    if image.mode == "LAB":
        image = _lab_to_rgb(image)
    if not image.has_transparency_data:
        return image, False
    from PIL import Image

    grey = image.mode in _GREY
    layers = image.convert("RGBA")
    alpha = layers.getchannel("A")
    colours = layers.getchannel("R") if grey else layers.convert("RGB")
    if alpha.getextrema()[0] == 255:
        return colours, False
    ground = Image.new(colours.mode, colours.size, tone if grey else (tone,) * 3)
    ground.paste(colours, mask=alpha)
    return ground, True


def _lab_to_rgb(image: Any) -> Any:
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")


def _scale_transparency(image: Any, data: bytes) -> None:
    """Scale the transparent value of a 2-bit or 4-bit grey PNG to the 8 bits that are decoded."""
    depth = data[24] if data[:4] == b"\x89PNG" else 8
    value = image.info.get("transparency")
    if image.mode == "L" and depth in (2, 4) and isinstance(value, int):
        image.info["transparency"] = value * 255 // ((1 << depth) - 1)
