"""How commands show long work: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from metaplastic.durations import duration

if TYPE_CHECKING:
    from rich.console import Console

QUIET = 2.0  # seconds of work before anything is shown
EVERY = 10.0  # seconds between plain lines


@cache
def console() -> Console:
    """Where results are printed, as they are: brackets in a name are not markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


class _Meter:
    """Rate and time left of one piece of work. The first report does not count towards the rate,
    because compilation comes before it."""

    def __init__(self) -> None:
        self.label, self.first, self.latest, self.counted = "", 0, 0, 0.0

    def line(self, label: str, done: int, total: int, unit: str) -> str:
        now = time.monotonic()
        if label != self.label or done < self.latest:  # the same work once more, say of more seeds
            self.label, self.first, self.counted = label, done, now
        self.latest = done
        rate = (done - self.first) / (now - self.counted) if now > self.counted else 0.0
        text = f"{label}: {done:,} of {total:,} {unit}"
        if rate > 0:
            text += f", {rate:.3g}/s, {duration((total - done) / rate)} left"
        return text


def say(text: str) -> None:
    """Print a line of text, never broken: a path in it can be copied."""
    console().print(text, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int, str], None]]:
    """A function to be told (what, done, total, unit); shows nothing in the first two seconds."""
    meter, start = _Meter(), time.monotonic()
    if console().is_terminal:
        from rich.text import Text

        with console().status("working") as status:
            yield lambda *report: status.update(Text(meter.line(*report)))
        return
    shown = start + QUIET - EVERY

    def plain(label: str, done: int, total: int, unit: str) -> None:
        nonlocal shown
        line = meter.line(label, done, total, unit)
        if time.monotonic() - shown >= EVERY:
            shown = time.monotonic()
            say(line)

    yield plain
