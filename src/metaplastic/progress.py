"""How long work reports how far it is. Whoever starts it decides what is shown."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    def __call__(
        self,
        what: str,
        done: int = 0,
        total: int | None = None,
        unit: str = "",
        *,
        job: bool = False,
    ) -> None:
        """`what` goes on: `done` of `total` units are done, where these are known.

        job: it is the whole of which the reports that follow are parts, and stays in view.
        """
        ...


def silent(
    what: str, done: int = 0, total: int | None = None, unit: str = "", *, job: bool = False
) -> None:
    """Report nothing."""


class LoggedProgress:
    """Reports as log records, for work that is given no `progress`.

    Each record has an attribute `progress`, the arguments of the report, for a handler that shows
    them another way.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def __call__(
        self,
        what: str,
        done: int = 0,
        total: int | None = None,
        unit: str = "",
        *,
        job: bool = False,
    ) -> None:
        text = what if total is None else f"{what}: {done} of {total} {unit}".rstrip()
        report = {"what": what, "done": done, "total": total, "unit": unit, "job": job}
        self._logger.info(text, extra={"progress": report})


@contextmanager
def printed(wanted: bool) -> Iterator[None]:
    """Print what the package logs meanwhile, where `wanted` and no logger is set to show it."""
    logger = logging.getLogger("metaplastic")
    if not wanted or logger.isEnabledFor(logging.INFO):
        yield
        return
    handler, level = logging.StreamHandler(sys.stdout), logger.level
    handler.setFormatter(logging.Formatter("metaplastic: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
