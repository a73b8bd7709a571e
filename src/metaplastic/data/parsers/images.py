"""Decode one image file: upright, without transparency, at its full depth."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.parsers.image_formats import describe, formats_of
from metaplastic.errors import DataError

MAX_PIXELS = 100_000_000
_GREY = frozenset({"1", "L", "LA", "La"})
_DEEP = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
# Pillow holds colour in 8 bits a channel and decodes 16 by their upper byte. The raw mode of the
# other byte order gives the lower byte.
_LOWER_BYTE = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B" if np.little_endian else "L"))
}


@dataclass(frozen=True)
class Reading:
    """How every image of a set is read.

    size: cut to the central square and resize to size × size. mode: "grey" or "colour" to convert.
    background: the grey value, 0 to 255, on which transparent pixels are shown. value_range: which
    values of images of more than 8 bits become 0 and 255; None takes the set's own. upright: turn
    images as their EXIF orientation says.
    """

    size: int | None = None
    mode: str | None = None
    background: int = 255
    value_range: tuple[float, float] | None = None
    upright: bool = True


@dataclass(frozen=True)
class Picture:
    """A decoded image, not yet resized.

    values: (h, w) where it is grey, (h, w, 3) where in colour; uint8, or the values of the file
    where it has more than 8 bits a pixel and channel. alpha: (h, w) opacity from 0 to 1 of such an
    image; one of 8 bits is shown on the background already. The rest says what a set's notes count.
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

    Raises DataError naming `where`, the file's path, for anything that does not decode whole.
    """
    try:
        with _opened(data, where) as image:
            width, height = image.size
            if width * height > MAX_PIXELS or width * height == 0:
                raise DataError(f"{where}: {width}x{height} pixels; at most {MAX_PIXELS} are read")
            size = reading.size
            if size is not None and min(width, height) >= 4 * size:
                image.draft(None, (2 * size, 2 * size))  # a JPEG can be decoded smaller
            # A PSD file's layers are one picture.
            several = image.format != "PSD" and bool(getattr(image, "is_animated", False))
            picture = replace(_decode(image, data, where, reading), first_of_several=several)
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{where}: not enough memory to decode it") from error
    except Exception as error:  # the decoders raise errors of many kinds on damaged files
        raise DataError(
            f"{where}: cannot be decoded as an image ({_first_line(error)}); "
            f"expected a whole file of {describe()}"
        ) from error
    return picture


@contextmanager
def _opened(data: bytes, where: str) -> Iterator[Any]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters is an error, or a note of the set
        with Image.open(BytesIO(data), formats=formats_of(where)) as image:
            yield image


def _first_line(error: Exception) -> str:
    text = str(error).split("\n")[0][:200]
    # Pillow puts the address of the buffer into its message.
    return "not of a known format" if "BytesIO" in text else text or type(error).__name__


def _decode(image: Any, data: bytes, where: str, reading: Reading) -> Picture:
    deep_colour = _raw_modes(image) if image.mode not in _DEEP else set()
    image.load()
    method, bad_exif = _transposition(image) if reading.upright else (None, False)
    values: NDArray[Any]
    alpha: NDArray[np.float32] | None = None
    whole = bool(deep_colour) and deep_colour <= _READ_WHOLE
    if image.mode in _DEEP or whole:
        values, alpha = _deep(image, data, where)
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
        upper_bits_only=bool(deep_colour) and not whole,
        bad_exif=bad_exif,
    )


def _transposition(image: Any) -> tuple[int | None, bool]:
    """What turns the image upright, a member of PIL.Image.Transpose; whether EXIF is damaged."""
    from PIL import Image
    from PIL.ExifTags import Base

    try:
        orientation = image.getexif().get(Base.Orientation, 1)
    except Exception:  # anything may stand in damaged metadata; the pixels are whole
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
    grey = image.mode in _GREY
    see_through = False
    if image.has_transparency_data:
        from PIL import Image

        _scale_transparency(image, data)
        layers = image.convert("RGBA")
        alpha = layers.getchannel("A")
        see_through = alpha.getextrema()[0] < 255
        colours = layers.getchannel("R") if grey else layers.convert("RGB")
        if see_through:
            tone = reading.background
            image = Image.new(colours.mode, colours.size, tone if grey else (tone,) * 3)
            image.paste(colours, mask=alpha)
        else:
            image = colours
    target = {"grey": "L", "colour": "RGB", None: "L" if grey else "RGB"}[reading.mode]
    return np.asarray(image.convert(target), np.uint8), see_through


def _scale_transparency(image: Any, data: bytes) -> None:
    """A grey PNG of 2 or 4 bits names its transparent value in these bits, not in the 8 decoded."""
    depth = data[24] if data[:4] == b"\x89PNG" else 8
    value = image.info.get("transparency")
    if image.mode == "L" and depth in (2, 4) and isinstance(value, int):
        image.info["transparency"] = value * 255 // ((1 << depth) - 1)


def _raw_modes(image: Any) -> set[str]:
    """The modes of 16 bits a channel in which a colour image's bytes are packed."""
    arguments = [tile[3] for tile in image.tile]
    modes = [args[0] if isinstance(args, tuple) and args else args for args in arguments]
    return {mode for mode in modes if isinstance(mode, str) and ";16" in mode}


_READ_WHOLE = frozenset({*_LOWER_BYTE, "LA;16B"})


def _deep(image: Any, data: bytes, where: str) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    """The values (h, w) or (h, w, 3) of an image of more than 8 bits, and its opacity."""
    if image.mode in _DEEP:
        values = np.asarray(image)
        if values.dtype == np.int32 and _is_unsigned(image):
            values = values.view(np.uint32)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        opacity = None
    else:
        values, opacity = _deep_colour(np.asarray(image), data, where)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{where}: holds pixels that are not finite numbers; fill them in")
    transparent = image.info.get("transparency")
    if isinstance(transparent, (int, float)) and values.ndim == 2:
        opacity = (values != transparent).astype(np.float32)
    elif isinstance(transparent, tuple) and values.ndim == 3 and len(transparent) == 3:
        opacity = (values != np.asarray(transparent)).any(-1).astype(np.float32)
    return values, opacity if opacity is not None and bool((opacity < 1).any()) else None


def _is_unsigned(image: Any) -> bool:
    """Whether the 32 bits of a TIFF's numbers are unsigned, which Pillow reads as signed."""
    sample_format = 339
    tags = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(258) == (32,) and tags.get(sample_format, (1,)) == (1,)


def _deep_colour(
    upper: NDArray[np.uint8], data: bytes, where: str
) -> tuple[NDArray[np.uint16], NDArray[np.float32] | None]:
    with _opened(data, where) as image:
        tiles = []
        for tile in image.tile:
            args = tile.args
            raw = args if isinstance(args, str) else args[0]
            # Grey with opacity, twice two bytes, is read as four channels.
            other = "RGBA" if raw == "LA;16B" else _LOWER_BYTE[raw]
            tiles.append(tile._replace(args=other if isinstance(args, str) else (other, *args[1:])))
        grey = raw == "LA;16B"
        image.tile = tiles
        lower = np.asarray(image)
    if grey:
        pairs = lower.astype(np.uint16)
        values = pairs[..., 0] << 8 | pairs[..., 1]
        opacity = pairs[..., 2] << 8 | pairs[..., 3]
        return values, opacity.astype(np.float32) / np.float32(65535)
    whole = upper.astype(np.uint16) << 8 | lower
    if whole.shape[-1] == 3:
        return whole, None
    return whole[..., :3], whole[..., 3].astype(np.float32) / np.float32(65535)
