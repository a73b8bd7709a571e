"""What commands print: results on stdout; progress, logs and warnings on stderr."""

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
_displays: list[Display] = []  # that of the command that runs


@cache
def console() -> Console:
    """Where results are printed, as they are: brackets in a name are not markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def display() -> Display | None:
    """The display of the command that runs, if it has one."""
    return _displays[-1] if _displays else None


def progress() -> Progress:
    """Where to report what goes on."""
    return display() or silent


@contextmanager
def paused() -> Iterator[None]:
    """Nothing is drawn meanwhile, so that stdout can be printed to."""
    shown = display()
    with nullcontext() if shown is None else shown.paused():
        yield


def say(text: object) -> None:
    """Print a line of text, or what rich can print; a line is never broken: a path in it can be
    copied."""
    with paused():
        if isinstance(text, str):
            typer.echo(text)
        else:
            console().print(text)


def line(text: str, style: str = "") -> None:
    """A line on stderr, above the live one."""
    shown = display()
    if shown is not None:
        shown.line(text, style)
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, highlight=False).print(Text(text, style=style), soft_wrap=True)


@contextmanager
def displayed(quiet: bool = False) -> Iterator[None]:
    """Show what goes on and what the package logs, until the work inside is done; where `quiet`,
    warnings alone."""
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
    """Begin to show what goes on, unless the user switched it off."""
    from metaplastic.cli.display import Display, switched_off

    if not switched_off():
        _displays.append(Display())
        progress()("starting")


def hide_progress() -> None:
    """Show no more of it, as where other processes have the terminal."""
    while _displays:
        _displays.pop().close()


def shows(command: Callable[P, R]) -> Callable[P, R]:
    """A command that shows what goes on, unless its option `quiet` is set."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with displayed(quiet=bool(kwargs.get("quiet"))):
            return command(*args, **kwargs)

    return run
