"""Fonts from which glyphs are drawn: those shipped with matplotlib and those installed."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaplastic.data.cache import hash_file

_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_LETTERS = "ABEGHKMNRSabdeghkmnrs"
_NO_TEXT = ("lastresort", "last resort", "emoji", "symbol", "dingbat", "barcode", "icon")


@dataclass(frozen=True)
class Font:
    """One face: `name` is unique among all faces; `characters` are those that its cmap maps."""

    path: Path
    index: int
    name: str
    sha256: str
    characters: frozenset[str]


def font_paths() -> list[Path]:
    """Return the font files, without duplicates, in an order independent of their location."""
    import matplotlib
    from matplotlib import font_manager

    shipped = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = {Path(path) for path in font_manager.findSystemFonts()}
    paths |= {path for path in shipped.glob("*") if path.suffix.lower() in _SUFFIXES}
    by_hash: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: (path.name, str(path))):
        if path.suffix.lower() not in _SUFFIXES:
            continue
        try:
            by_hash.setdefault(hash_file(path), path)
        except OSError:
            continue
    return [by_hash[key] for key in sorted(by_hash)]


def read_fonts(paths: list[Path]) -> list[Font]:
    """Return the faces of these files that hold text, sorted by name.

    Left out are files that do not parse, symbol and last-resort fonts, and fonts whose character
    map is not Unicode, which shows in a Latin letter mapped to a glyph with another name.
    """
    # fontTools logs a warning for every irregularity in a font.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    fonts: dict[str, Font] = {}
    for path in paths:
        for index in range(_faces(path)):
            font = _read_face(path, index)
            if font is None:
                continue
            name = font.name
            if name in fonts:  # another version of the same face
                name = f"{name} {font.sha256[:8]}"
            fonts[name] = Font(font.path, font.index, name, font.sha256, font.characters)
    return [fonts[name] for name in sorted(fonts)]


def _faces(path: Path) -> int:
    if path.suffix.lower() not in (".ttc", ".otc"):
        return 1
    from fontTools.ttLib import TTCollection

    try:
        with path.open("rb") as file:
            return len(TTCollection(file, lazy=True).fonts)
    except Exception:  # skip a damaged system font
        return 0


def _read_face(path: Path, index: int) -> Font | None:
    from fontTools.ttLib import TTFont

    try:
        with TTFont(path, fontNumber=index, lazy=True) as font:
            return _face(font, path, index)
    except Exception:  # fontTools raises many kinds of errors on damaged fonts
        return None


def _face(font: Any, path: Path, index: int) -> Font | None:
    if not ({"glyf", "CFF ", "CFF2"} & set(font.keys())):
        return None  # bitmaps only
    cmap: dict[int, str] = font.getBestCmap() or {}
    family = font["name"].getDebugName(1) or path.stem
    style = font["name"].getDebugName(2) or ""
    full = font["name"].getDebugName(4) or f"{family} {style}".strip()
    if any(word in full.lower() or word in path.stem.lower() for word in _NO_TEXT):
        return None
    if not _is_text(cmap):
        return None
    characters = frozenset(chr(code) for code in cmap if not 0xD800 <= code < 0xE000)
    return Font(path, index, full, hash_file(path), characters)


def _is_text(cmap: dict[int, str]) -> bool:
    from fontTools import agl

    for letter in _LETTERS:
        glyph = cmap.get(ord(letter))
        if glyph is None:
            return False
        intended = agl.toUnicode(glyph)
        if intended and intended != letter:
            return False
    # A last-resort font draws different letters with the same glyph.
    return len({cmap[ord(letter)] for letter in _LETTERS}) == len(_LETTERS)


def fingerprint(paths: list[Path]) -> str:
    """Return a hash of the contents of all the files."""
    return hashlib.sha256("".join(sorted(hash_file(path) for path in paths)).encode()).hexdigest()
