"""Progress of a run, as it is reported. The command line shows it; a library user may ignore it."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Reporter:
    """Does nothing; a front end overrides what it shows."""

    def message(self, text: str) -> None:
        """A line of information."""

    def warning(self, text: str) -> None:
        """A problem that the run can continue from."""

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

    def message(self, text: str) -> None:
        for each in self._all:
            each.message(text)

    def warning(self, text: str) -> None:
        for each in self._all:
            each.warning(text)

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
