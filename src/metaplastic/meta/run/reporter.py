"""Callbacks of a run. What a person should read is logged instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Reporter:
    """Does nothing; a front end overrides what it shows."""

    def working(self, what: str) -> None:
        """Work that is no meta-step and may take long: loading, compilation, validation."""

    def compiled(self, seconds: float) -> None:
        """Programs were compiled in this meta-step."""

    def step(self, metrics: dict[str, Any], total: int) -> None:
        """A meta-step ended; `metrics` is its line of metrics.jsonl, `total` their number."""

    def saved(self, path: Path) -> None:
        """A checkpoint was written."""

    def close(self) -> None:
        """The run ended, for whatever reason."""


class Reporters(Reporter):
    """Several reporters as one."""

    def __init__(self, *reporters: Reporter) -> None:
        self._all = reporters

    def working(self, what: str) -> None:
        for each in self._all:
            each.working(what)

    def compiled(self, seconds: float) -> None:
        for each in self._all:
            each.compiled(seconds)

    def step(self, metrics: dict[str, Any], total: int) -> None:
        for each in self._all:
            each.step(metrics, total)

    def saved(self, path: Path) -> None:
        for each in self._all:
            each.saved(path)

    def close(self) -> None:
        for each in self._all:
            each.close()
