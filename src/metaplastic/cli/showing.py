"""Output of commands: results on stdout; progress, logs and warnings on stderr."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from metaplastic.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import Console

    from metaplastic.cli.display import Display

P = ParamSpec("P")
R = TypeVar("R")
_displays: list[Display] = []  # the display of the running command, if any


@cache
def console() -> Console:
    """Return the console for results; brackets in names are not markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def display() -> Display | None:
    """Return the display of the running command, or None."""
    return _displays[-1] if _displays else None


def progress() -> Progress:
    """Return the progress callback of the running command."""
    return display() or silent


@contextmanager
def paused() -> Iterator[None]:
    """Hide the display inside the context, so that stdout can be printed to."""
    current = display()
    with nullcontext() if current is None else current.paused():
        yield


def say(text: object) -> None:
    """Print a line of text or a rich renderable on stdout. Lines are never wrapped, so that paths
    can be copied."""
    with paused():
        if isinstance(text, str):
            typer.echo(text)
        else:
            console().print(text)


def line(text: str, style: str = "") -> None:
    """Print a line on stderr, above the live one."""
    current = display()
    if current is not None:
        current.line(text, style)
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, highlight=False).print(Text(text, style=style), soft_wrap=True)


@contextmanager
def displayed(quiet: bool = False) -> Iterator[None]:
    """Show progress and the package's log messages inside the context; if `quiet`, only
    warnings."""
    from metaplastic.cli.display import LogLines

    handler = LogLines(display, line)
    logger = logging.getLogger("metaplastic")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    if not quiet:
        show_progress()
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        hide_progress()


def show_progress() -> None:
    """Start showing progress, unless the user turned it off."""
    from metaplastic.cli.display import Display, switched_off

    if not switched_off():
        _displays.append(Display())
        progress()("starting")


def hide_progress() -> None:
    """Stop showing progress, for example because other processes use the terminal."""
    while _displays:
        _displays.pop().close()


def with_progress(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command so that it shows progress, unless its option `quiet` is set."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with displayed(quiet=bool(kwargs.get("quiet"))):
            return command(*args, **kwargs)

    return run
