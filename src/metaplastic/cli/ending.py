"""Set-up of a command's output, and its end: a one-line message and a status, never a traceback.

| status | |
|---|---|
| 0 | success |
| 1 | the reader of stdout closed it; or a process of a mesh was lost |
| 2 | invalid input, or a failure of a disk, a device or memory |
| 70 | a bug in metaplastic |
| 128 + n | ended by signal n; 130 is an interrupt |
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
import warnings
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

from pydantic import ValidationError

from metaplastic.cli import showing
from metaplastic.compilation import DAMAGED_PROGRAM, empty_compilation_cache
from metaplastic.errors import MetaplasticError

TRACEBACK = "METAPLASTIC_TRACEBACK"  # if set, the traceback of a bug is printed
FAULT = 70  # EX_SOFTWARE of sysexits.h
CLOSED = 1
INTERRUPTED = 128 + signal.SIGINT


def prepare_output() -> None:
    """Replace characters that the terminal cannot encode instead of failing, and show warnings in
    one line, without source code."""
    warnings.showwarning = _show_warning
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the parent process
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    text, shown = one_line(message), showing.display()
    if text.startswith(DAMAGED_PROGRAM) and empty_compilation_cache():
        text = "a program in the compilation cache is damaged; the cache is emptied and filled anew"
    text = f"metaplastic: warning: {text}"
    with suppress(OSError):
        if shown is None:
            print(text, file=sys.stderr)
        else:
            shown.line(text)


def report(error: Exception) -> int:
    """Print an error as one line on stderr; return the exit status."""
    error = _flush() or error
    if isinstance(error, BrokenPipeError):
        return CLOSED  # for example by `| head`: nobody reads the output any more
    if type(error).__name__ == "NoArgsIsHelpError":
        return 2  # the help is printed already
    message, status = _describe(error)
    with suppress(OSError):
        print(f"metaplastic: {message}", file=sys.stderr, flush=True)
    return status


def _flush() -> OSError | None:
    """Flush stdout. If that fails, redirect stdout to the null device and return the error."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # otherwise Python would try again at exit, and print an error
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def _describe(error: Exception) -> tuple[str, int]:
    if isinstance(error, MetaplasticError):
        return str(error), 2
    if (message := _usage(error)) is not None:
        return message, 2
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        target = " and ".join(names) or "cannot write output"  # a stream's error has no file name
        return one_line(f"{target}: {error.strerror}"), 2
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)[:100]:
        return f"out of memory ({one_line(error)})", 2
    if (message := _jax_failure(error)) is not None:
        return message, 2
    kind, text = type(error).__name__, one_line(error)
    return f"{kind if text == kind else f'{kind}: {text}'}; {_bug_advice(error)}", FAULT


def _usage(error: Exception) -> str | None:
    """Return a message if the arguments are wrong, else None. The parser's errors are not all
    importable from Typer, so they are recognised by what they have."""
    if not (hasattr(error, "format_message") and hasattr(error, "exit_code")):
        return None
    message = one_line(error.format_message()).rstrip(".")  # pyright: ignore
    if isinstance(cause := error.__cause__, ValidationError) and cause.error_count() == 1:
        message += f" (given {str(cause.errors()[0]['input'])!r})"
    context = getattr(error, "ctx", None)
    return message if context is None else f"{message}; see {context.command_path} --help"


def _jax_failure(error: Exception) -> str | None:
    """Return a message if the error is that JAX cannot start, else None."""
    if "jax" in sys.modules:
        import jax

        try:
            jax.devices()
        except Exception as cause:  # plugins raise errors of many types
            return _cannot_start(cause)
        return None
    modules = {f.f_globals.get("__name__", "") for f, _ in traceback.walk_tb(error.__traceback__)}
    if any(module.partition(".")[0] in ("jax", "jaxlib") for module in modules):
        return _cannot_start(error)  # its import failed
    return None


def _cannot_start(cause: Exception) -> str:
    platforms = os.environ.get("JAX_PLATFORMS")
    asked = f" (JAX_PLATFORMS is {one_line(platforms)!r})" if platforms else ""
    return f"JAX cannot start: {one_line(cause)}{asked}"


def _bug_advice(error: Exception) -> str:
    """Return advice on a bug. The traceback is saved to a file: the run may have taken hours."""
    advice = "this is a bug in metaplastic, please report it with its traceback"
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
        return f"{advice} (set {TRACEBACK}=1 to print it)"
    return f"{advice}, which is in {path}"


def one_line(message: object) -> str:
    """Return another library's message in one line, cut if it is long; an exception without a
    message gives the name of its type."""
    text = " ".join(str(message).split())
    if not text and isinstance(message, BaseException):
        text = type(message).__name__
    return str(MetaplasticError(text))
