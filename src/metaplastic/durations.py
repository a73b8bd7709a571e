"""Durations as text."""

from __future__ import annotations

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Return seconds in the two largest non-zero units: `45 s`, `4 min 5 s`, `2 h 13 min`."""
    remaining = max(0, round(seconds))
    if remaining >= 3600:  # from one hour on, round to minutes
        remaining = round(remaining / 60) * 60
    parts = []
    for unit, size in _UNITS:
        count, remaining = divmod(remaining, size)
        if count and len(parts) < 2:
            parts.append(f"{count:,} {unit}")
        elif parts:
            break
    return " ".join(parts) or "0 s"
