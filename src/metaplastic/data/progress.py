"""How long work reports how far it is: a callable, so that this room prints nothing itself."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def __call__(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` units of `what`; `total` is None where it is not known."""
        ...


def silent(what: str, done: int, total: int | None) -> None:
    """Report nothing."""
