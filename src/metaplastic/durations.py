"""How long something took, or will take, as a reader says it."""

from __future__ import annotations

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Seconds in the two largest units that they fill: `45 s`, `4 min 5 s`, `2 h 13 min`."""
    left = max(0, round(seconds))
    if left >= 3600:  # nobody counts the seconds of hours
        left = round(left / 60) * 60
    parts = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count and len(parts) < 2:
            parts.append(f"{count:,} {unit}")
        elif parts:
            break
    return " ".join(parts) or "0 s"
