"""Which image formats are read, and which file names are taken for images."""

from __future__ import annotations

import logging
from functools import cache

# Pillow's decoders that work within the process. Left out on purpose: EPS, which starts
# Ghostscript, WMF, which is drawn by Windows alone, video, and containers that Pillow only names.
_BY_CONTENT = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "QOI", "PSD")
# Formats whose first bytes say too little: a damaged file of another kind could pass for one.
_BY_SUFFIX = ("DIB", "ICO", "PCX", "SGI", "SUN", "TGA", "XBM", "XPM")
_SUFFIXES = {".mpo": "JPEG", ".jif": "JPEG", ".pjpeg": "JPEG", ".pjp": "JPEG"}


@cache
def _registered() -> tuple[frozenset[str], dict[str, str]]:
    """The formats that the installed Pillow can open, and each suffix's format."""
    from PIL import Image

    Image.init()
    # Pillow logs some complaints besides raising them; without a handler Python prints those.
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    known = {**Image.registered_extensions(), **_SUFFIXES}
    allowed = frozenset(_BY_CONTENT + _BY_SUFFIX) & Image.OPEN.keys()
    return allowed, {suffix: name for suffix, name in known.items() if name in allowed}


def suffix_of(name: str) -> str:
    """The suffix of a path's last part, in small letters; empty where it has none."""
    base = name.rsplit("/", 1)[-1]
    stem, dot, suffix = base.rpartition(".")
    return f".{suffix.lower()}" if dot and stem else ""


def is_image(name: str) -> bool:
    """Whether a file's suffix is that of an image format that is read."""
    return suffix_of(name) in _registered()[1]


def formats_of(name: str) -> tuple[str, ...]:
    """The formats that a file of this name may have.

    Those that their first bytes make certain, whatever the suffix; the others under their own.
    """
    allowed, suffixes = _registered()
    own = suffixes.get(suffix_of(name))
    formats = [name for name in _BY_CONTENT if name in allowed]
    return (*formats, own) if own is not None and own not in formats else tuple(formats)


def describe() -> str:
    """The formats most in use, for messages."""
    return "PNG, JPEG, TIFF, WebP, BMP, GIF or another format that Pillow reads"
