"""Progress display on stderr: a live line on a terminal, an occasional plain line elsewhere.

A thread writes it, so that work without reports for minutes, such as a compilation, is shown with
the time it has taken so far.
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
QUIET = 2.0  # seconds before the first plain line
EVERY = 10.0  # seconds between plain lines of the same stage


def details(task: Task) -> str:
    """Return the state of a stage: "40 of 80 steps, 12 steps/s, 3 s left", or its time so far.

    The first report does not count towards the rate, because compilation precedes it.
    """
    unit, note = task.fields["unit"], task.fields["note"]
    elapsed, new = task.elapsed or 0.0, task.completed - task.fields["first"]
    rate = new / elapsed if new and elapsed else 0.0
    parts = []
    if task.total is not None:
        format_, suffix = (_bytes, "") if unit == "bytes" else (_count, f" {unit}".rstrip())
        parts.append(f"{format_(task.completed)} of {format_(task.total)}{suffix}")
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
    """Display of the job, if there is one, and of its current stage. Implements `Progress`.

    console: the console to write to; default: stderr. clock: returns seconds. ticking: whether a
    thread updates the display; otherwise `tick` prints plain lines.
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
        self._task_ids: dict[bool, Any] = {}  # True: of the job, False: of its stage
        self._last_time, self._last_stages = clock(), ""
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()

    def __call__(
        self,
        stage: str,
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
                self._remove(False)
            task = self._task(job)
            if task is None or task.description != stage or done < task.completed:
                self._remove(job)
                self._task_ids[job] = self._bars.add_task(
                    stage, total=total, completed=done, first=done, unit=unit, note=note
                )
            else:
                self._bars.update(task.id, total=total, completed=done, unit=unit, note=note)

    def _task(self, job: bool) -> Task | None:
        task_id = self._task_ids.get(job)
        return next((task for task in self._bars.tasks if task.id == task_id), None)

    def _remove(self, job: bool) -> None:
        task_id = self._task_ids.pop(job, None)
        if task_id is not None:
            self._bars.remove_task(task_id)

    def line(self, text: str, style: str = "") -> None:
        """Print a line on stderr, above the live one. It is never wrapped, so paths can be
        copied."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def text(self) -> str:
        """Return the current state in one line: the job, then its stage."""
        tasks = [task for job in (True, False) if (task := self._task(job)) is not None]
        pairs = [(task.description, details(task)) for task in tasks]
        return "; ".join(f"{stage}: {state}" if state else stage for stage, state in pairs)

    def tick(self) -> None:
        """Print the current state as a plain line, if one is due."""
        with self._lock:
            stages = " ".join(task.description for task in self._bars.tasks)
            passed = self._clock() - self._last_time
            if stages and passed >= (EVERY if stages == self._last_stages else QUIET):
                self._last_time, self._last_stages = self._clock(), stages
                self.line(self.text())

    def _start(self) -> None:
        if self._live:
            self._bars.start()
        elif self._ticking and self._thread is None:
            self._last_time = self._clock()
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closed.wait(QUIET / 4):
            self.tick()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the live line inside the context, so that stdout can be printed to."""
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
        """Remove the live line and end the display."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        if self._live:
            self._bars.stop()


class LogLines(logging.Handler):
    """Handler of the package's log messages: passes progress reports to the current display, if
    there is one, and prints all others as lines."""

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
        elif (current := self._display()) is not None:
            report = dict(report)
            current(report.pop("what"), **report)


def switched_off() -> bool:
    """Return whether the user turned progress off."""
    return os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false")
