"""The image formats that are read, and the file names that are taken as images."""

from __future__ import annotations

import logging
from functools import cache

# Pillow's decoders that work within the process. Left out on purpose: EPS, which starts
# Ghostscript; WMF, which only Windows can draw; videos, and containers that Pillow only identifies.
_BY_CONTENT = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "QOI", "PSD")
# Formats without a distinctive signature: a damaged file of another kind could pass as one.
_BY_SUFFIX = ("DIB", "ICO", "PCX", "SGI", "SUN", "TGA", "XBM", "XPM")
_SUFFIXES = {".mpo": "JPEG", ".jif": "JPEG", ".pjpeg": "JPEG", ".pjp": "JPEG"}


@cache
def _registered() -> tuple[frozenset[str], dict[str, str]]:
    """Return the formats that the installed Pillow can open, and each suffix's format."""
    from PIL import Image

    Image.init()
    # Pillow also logs some errors that it raises; without a handler Python prints them.
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    known = {**Image.registered_extensions(), **_SUFFIXES}
    allowed = frozenset(_BY_CONTENT + _BY_SUFFIX) & Image.OPEN.keys()
    return allowed, {suffix: name for suffix, name in known.items() if name in allowed}


def suffix_of(name: str) -> str:
    """Return the suffix of a path's last part, in lower case; empty if it has none."""
    base = name.rsplit("/", 1)[-1]
    stem, dot, suffix = base.rpartition(".")
    return f".{suffix.lower()}" if dot and stem else ""


def is_image(name: str) -> bool:
    """Return whether a file's suffix is that of an image format that is read."""
    return suffix_of(name) in _registered()[1]


def formats_of(name: str) -> tuple[str, ...]:
    """Return the formats that a file of this name may have.

    These are all formats that are recognised by their first bytes, whatever the suffix, and the
    format of the suffix.
    """
    allowed, suffixes = _registered()
    by_suffix = suffixes.get(suffix_of(name))
    formats = [name for name in _BY_CONTENT if name in allowed]
    if by_suffix is not None and by_suffix not in formats:
        formats.append(by_suffix)
    return tuple(formats)


def describe() -> str:
    """Name the most common formats, for messages."""
    return "PNG, JPEG, TIFF, WebP, BMP, GIF or another format that Pillow reads"
