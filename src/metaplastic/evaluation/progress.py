"""Progress callbacks: long work reports through them, whatever displays it."""

from __future__ import annotations

from collections.abc import Callable

# (what is being done, units done, units in all, the unit's name)
Progress = Callable[[str, int, int, str], None]


def silent(label: str, done: int, total: int, unit: str) -> None:
    """Says nothing."""
