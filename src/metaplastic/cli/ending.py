"""How a command begins to print and how it ends: one line and a status, never a traceback.

| status | |
|---|---|
| 0 | done |
| 1 | the reader of stdout closed it; or a process of a mesh was lost |
| 2 | a mistake in what was given, or a disk, a device or memory that refuses |
| 70 | a fault in metaplastic itself |
| 128 + n | ended by signal n; 130 is an interrupt |
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
import warnings
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

from metaplastic.cli import showing
from metaplastic.errors import MetaplasticError

TRACEBACK = "METAPLASTIC_TRACEBACK"  # set: a fault prints its traceback
FAULT = 70  # EX_SOFTWARE of sysexits.h
CLOSED = 1


def prepare_output() -> None:
    """Have characters that the terminal's code page lacks replaced, instead of an error, and
    warnings shown as one line, without the line of code that they come from."""
    warnings.showwarning = _show_warning
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the parent process
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    text, shown = f"metaplastic: warning: {one_line(message)}", showing.display()
    with suppress(OSError):
        if shown is None:
            print(text, file=sys.stderr)
        else:
            shown.line(text)


def report(error: Exception) -> int:
    """Print what went wrong as one line on stderr; the exit status."""
    error = _flush() or error
    if isinstance(error, BrokenPipeError):
        return CLOSED  # as by `| head`: nobody is there to be advice
    line, status = _describe(error)
    with suppress(OSError):
        print(f"metaplastic: {line}", file=sys.stderr, flush=True)
    return status


def _flush() -> OSError | None:
    """Write out what is buffered; the error where stdout refuses, which is then closed to all."""
    try:
        sys.stdout.flush()
    except OSError as problem:
        # or Python would try again at exit, and print an error
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return problem
    return None


def _describe(error: Exception) -> tuple[str, int]:
    if isinstance(error, MetaplasticError):
        return str(error), 2
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        what = " and ".join(names) or "what is printed or written"  # a stream's error has no name
        return one_line(f"{what}: {error.strerror}"), 2
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)[:100]:
        return f"out of memory ({one_line(error)})", 2
    if (problem := _start_of_jax(error)) is not None:
        return problem, 2
    return f"{type(error).__name__}: {one_line(error)}; {_fault(error)}", FAULT


def _start_of_jax(error: Exception) -> str | None:
    """JAX's message, if the error is that it cannot start."""
    if "jax" in sys.modules:
        import jax

        try:
            jax.devices()
        except Exception as problem:  # plugins raise errors of many kinds
            return f"JAX cannot start: {one_line(problem)}"
        return None
    rooms = {f.f_globals.get("__name__", "") for f, _ in traceback.walk_tb(error.__traceback__)}
    if any(
        room.partition(".")[0] in ("jax", "jaxlib") for room in rooms
    ):  # it failed in its import
        return f"JAX cannot start: {one_line(error)}"
    return None


def _fault(error: Exception) -> str:
    """What to do about a fault; its traceback is kept, since it may have come after hours."""
    advice = "this is a fault in metaplastic, please report it with its traceback"
    text = "".join(traceback.format_exception(error))
    if os.environ.get(TRACEBACK):
        with suppress(OSError):
            print(text, file=sys.stderr, end="")
        return advice
    try:
        handle, path = tempfile.mkstemp(prefix="metaplastic-traceback-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return f"{advice}, which {TRACEBACK}=1 prints"
    return f"{advice}, which is in {path}"


def one_line(problem: object) -> str:
    """A message of another library as one of ours: one line, cut where it is long."""
    return str(MetaplasticError(" ".join(str(problem).split())))
