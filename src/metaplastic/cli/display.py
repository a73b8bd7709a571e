"""The one display of what goes on: a live line on a terminal, a plain line now and then elsewhere.

Both are on stderr, and written by a thread: work that does not come back for minutes, as a
compilation, is shown with the seconds that it has taken so far.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from metaplastic.durations import duration

SWITCH = "METAPLASTIC_PROGRESS"  # off: progress is not shown
QUIET = 2.0  # seconds of work before a plain line says what goes on
EVERY = 10.0  # seconds between plain lines of the same work


def details(task: Task) -> str:
    """How far a piece of work is: "40 of 80 steps, 12 steps/s, 3 s left", or its seconds so far.

    The first report does not count towards the rate, because compilation comes before it.
    """
    unit, note = task.fields["unit"], task.fields["note"]
    elapsed, new = task.elapsed or 0.0, task.completed - task.fields["first"]
    rate = new / elapsed if new and elapsed else 0.0
    parts = []
    if task.total is not None:
        shown, ending = (_bytes, "") if unit == "bytes" else (_count, f" {unit}".rstrip())
        parts.append(f"{shown(task.completed)} of {shown(task.total)}{ending}")
        if rate and not task.finished:
            parts.append(_rate(rate, unit))
            parts.append(f"{duration((task.total - task.completed) / rate)} left")
    elif task.completed:
        parts.append(f"{_count(task.completed)} {unit}".rstrip())
    if not rate and not task.finished and elapsed >= 1.0:
        parts.append(f"for {duration(elapsed)}")
    return ", ".join([*parts, *([note] if note else [])])


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _rate(speed: float, unit: str) -> str:
    if unit == "bytes":
        return f"{_bytes(speed)}/s"
    if speed < 0.5:
        return f"{duration(1 / speed)} each"
    return f"{speed:,.0f} {unit}/s" if speed >= 100 else f"{speed:.2g} {unit}/s"


def _bytes(number: float) -> str:
    return f"{number / 1e6:,.1f} MB"


class _Bar(BarColumn):
    def render(self, task: Task) -> Any:
        return Text() if task.total is None else super().render(task)


class _Details(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(details(task), no_wrap=True, overflow="ellipsis")


class Display:
    """Shows the job, where there is one, and the part of it that goes on.

    It is a `Progress`. console: where it is shown, stderr unless given. clock: seconds. ticking:
    whether a thread of its own draws; without it, plain lines come of `tick`.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        ticking: bool = True,
    ) -> None:
        self._console = console or Console(stderr=True, highlight=False, emoji=False)
        self._live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._clock, self._ticking = clock, ticking
        text = Column(no_wrap=True, overflow="ellipsis")
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=text),
            _Bar(bar_width=12),
            _Details(table_column=text),
            console=self._console,
            get_time=clock,
            auto_refresh=ticking,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._shown: dict[bool, Any] = {}  # whether it is the job: its task
        self._last, self._said = clock(), ""
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()

    def __call__(
        self,
        what: str,
        done: int = 0,
        total: int | None = None,
        unit: str = "",
        *,
        job: bool = False,
        note: str = "",
    ) -> None:
        with self._lock:
            self._start()
            if job:
                self._take_away(False)
            before = self._task(job)
            if before is None or before.description != what or done < before.completed:
                self._take_away(job)
                self._shown[job] = self._bars.add_task(
                    what, total=total, completed=done, first=done, unit=unit, note=note
                )
            else:
                self._bars.update(before.id, total=total, completed=done, unit=unit, note=note)

    def _task(self, job: bool) -> Task | None:
        number = self._shown.get(job)
        return next((task for task in self._bars.tasks if task.id == number), None)

    def _take_away(self, job: bool) -> None:
        number = self._shown.pop(job, None)
        if number is not None:
            self._bars.remove_task(number)

    def line(self, text: str, style: str = "") -> None:
        """Print a line of text on stderr, above the live one; never broken: paths can be copied."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def text(self) -> str:
        """What goes on, in one line: the job, then its part."""
        tasks = [task for job in (True, False) if (task := self._task(job)) is not None]
        pairs = [(task.description, details(task)) for task in tasks]
        return "; ".join(f"{what}: {more}" if more else what for what, more in pairs)

    def tick(self) -> None:
        """Print what goes on as a plain line, where it is time to."""
        with self._lock:
            what = " ".join(task.description for task in self._bars.tasks)
            passed = self._clock() - self._last
            if what and passed >= (EVERY if what == self._said else QUIET):
                self._last, self._said = self._clock(), what
                self.line(self.text())

    def _start(self) -> None:
        if self._live:
            self._bars.start()
        elif self._ticking and self._thread is None:
            self._last = self._clock()
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._ends.wait(QUIET / 4):
            self.tick()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The live line is taken away meanwhile, so that stdout can be printed to."""
        if not self._live:
            yield
            return
        self._bars.stop()
        try:
            yield
        finally:
            if self._bars.tasks:
                self._bars.start()

    def close(self) -> None:
        """Take the live line away; nothing is shown afterwards."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
        if self._live:
            self._bars.stop()


class LogLines(logging.Handler):
    """Shows what the package logs: reports of progress by the display of the moment, if there is
    one, all else as lines."""

    def __init__(
        self, display: Callable[[], Display | None], line: Callable[[str, str], None]
    ) -> None:
        super().__init__(logging.INFO)
        self._display, self._line = display, line

    def emit(self, record: logging.LogRecord) -> None:
        report = getattr(record, "progress", None)
        if report is None:
            warns = record.levelno >= logging.WARNING
            text = record.getMessage()
            self._line(f"warning: {text}" if warns else text, "yellow" if warns else "")
        elif (shown := self._display()) is not None:
            shown(**report)


def switched_off() -> bool:
    """Whether the user wants no progress shown."""
    return os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false")
