"""Progress callbacks of long computations. The caller decides how reports are shown."""

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
        stage: str,
        done: int = 0,
        total: int | None = None,
        unit: str = "",
        *,
        job: bool = False,
    ) -> None:
        """Report that `stage` is in progress: `done` of `total` units are done, if known.

        job: this report is of the whole job, whose parts the following reports describe; a display
        keeps it in view.
        """
        ...


def silent(
    stage: str, done: int = 0, total: int | None = None, unit: str = "", *, job: bool = False
) -> None:
    """Report nothing."""


class LoggedProgress:
    """Progress callback that logs its reports, for code that takes no `progress` argument.

    Each record has an attribute `progress`, a dict of the report's arguments (`what` is the stage),
    for handlers that display them differently.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def __call__(
        self,
        stage: str,
        done: int = 0,
        total: int | None = None,
        unit: str = "",
        *,
        job: bool = False,
    ) -> None:
        text = stage if total is None else f"{stage}: {done} of {total} {unit}".rstrip()
        report = {"what": stage, "done": done, "total": total, "unit": unit, "job": job}
        self._logger.info(text, extra={"progress": report})


@contextmanager
def printed(wanted: bool) -> Iterator[None]:
    """Print the package's log messages inside the context, if `wanted` and no logger is configured
    to show them."""
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
