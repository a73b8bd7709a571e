"""The characters that may be classes of the glyphs."""

from __future__ import annotations

import unicodedata

# First and last code point of each script, inclusive. Digits are left out on purpose: digits and
# MNIST are held out, so no digit may be a class in meta-training.
_RANGES = (
    (0x0041, 0x005A),  # Latin capitals
    (0x0061, 0x007A),  # Latin small letters
    (0x00C0, 0x02AF),  # Latin letters of other languages and of phonetics
    (0x0370, 0x03FF),  # Greek
    (0x0400, 0x04FF),  # Cyrillic
    (0x0531, 0x0587),  # Armenian
    (0x05D0, 0x05EA),  # Hebrew
    (0x0620, 0x064A),  # Arabic, isolated forms
    (0x0904, 0x0939),  # Devanagari
    (0x0E01, 0x0E30),  # Thai
    (0x10A0, 0x10FF),  # Georgian
    (0x13A0, 0x13F5),  # Cherokee
    (0x2D30, 0x2D67),  # Tifinagh
    (0x3041, 0x3096),  # Hiragana
    (0x30A1, 0x30FA),  # Katakana
    (0xA4D0, 0xA4F7),  # Lisu
)


def candidates() -> list[str]:
    """Return letters without diacritical marks, each a single code point, in code-point order."""
    chosen: list[str] = []
    for first, last in _RANGES:
        for code in range(first, last + 1):
            character = chr(code)
            letter = unicodedata.category(character) in ("Lu", "Ll", "Lo")
            # Accented letters are too similar to the plain ones; ligatures also decompose.
            if letter and not unicodedata.decomposition(character):
                chosen.append(character)
    return chosen


def class_name(character: str) -> str:
    """Return the character's Unicode name, for instance "LATIN SMALL LETTER A"."""
    return unicodedata.name(character, f"U+{ord(character):04X}")
