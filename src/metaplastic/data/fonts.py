"""Fonts that can be drawn from: those matplotlib carries and those installed."""

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
    """One face: `name` is unique among those found, `characters` what its cmap maps."""

    path: Path
    index: int
    name: str
    sha256: str
    characters: frozenset[str]


def font_paths() -> list[Path]:
    """Font files, each content once; the order does not depend on where they lie."""
    import matplotlib
    from matplotlib import font_manager

    carried = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = {Path(path) for path in font_manager.findSystemFonts()}
    paths |= {path for path in carried.glob("*") if path.suffix.lower() in _SUFFIXES}
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
    """The faces of these files that hold text, sorted by name.

    Left out: files that do not parse, symbol and last-resort fonts, and those whose character map
    is not of Unicode, seen from a Latin letter being drawn by a glyph of another name.
    """
    # fontTools warns of every oddity of a font, at length.
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
    except Exception:  # a damaged font of the system is no concern of the user
        return 0


def _read_face(path: Path, index: int) -> Font | None:
    from fontTools.ttLib import TTFont

    try:
        with TTFont(path, fontNumber=index, lazy=True) as font:
            return _face(font, path, index)
    except Exception:  # fontTools raises errors of many kinds on damaged fonts
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
        meant = agl.toUnicode(glyph)
        if meant and meant != letter:
            return False
    # Different letters drawn by one glyph: a last-resort font.
    return len({cmap[ord(letter)] for letter in _LETTERS}) == len(_LETTERS)


def fingerprint(paths: list[Path]) -> str:
    """A hash of the contents of all the files."""
    return hashlib.sha256("".join(sorted(hash_file(path) for path in paths)).encode()).hexdigest()
