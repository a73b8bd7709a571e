"""Callbacks of a run. Messages for people are logged instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Reporter:
    """Does nothing; a front end overrides the callbacks that it displays."""

    def working(self, what: str) -> None:
        """Called before other long work than meta-steps: loading, compilation, validation."""

    def compiled(self, seconds: float) -> None:
        """Called if programs were compiled in this meta-step."""

    def step(self, metrics: dict[str, Any], total: int) -> None:
        """Called after a meta-step of `total`; `metrics` is its line of metrics.jsonl."""

    def saved(self, path: Path) -> None:
        """Called when a checkpoint was written."""

    def close(self) -> None:
        """Called when the run has ended, for whatever reason."""


class Reporters(Reporter):
    """Combines several reporters into one."""

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
