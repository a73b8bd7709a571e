"""Ends a process of a mesh with a one-line message if another process is lost.

JAX's coordination service watches heartbeats. If a process is silent for too long, or the service
itself is gone, JAX's client aborts the process from one of its threads, with a stack trace. Python
cannot give it a working callback (JAX 0.10), so the abort is caught.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

LOST = (
    "another process of this mesh was lost; the saved files are intact: continue with --resume on "
    "the remaining processes"
)
_SIGN = "JAX distributed service detected fatal errors"
_SHOW_CURSOR = b"\x1b[?25h"
_references: list[Any] = []  # objects that must outlive `start`
_line = [LOST]


def say(line: str) -> None:
    """Set the line that an abort prints."""
    _line[0] = line


def start(line: str) -> None:
    """Make aborts by JAX's coordination client print `line` and exit with status 1.

    What C++ libraries write to stderr goes to a temporary file, and is shown only if the process
    aborts for another reason. Python's own stderr is unaffected.
    """
    say(line)
    if _references:
        return
    sys.stderr.flush()
    real = os.dup(2)
    held = tempfile.TemporaryFile()  # noqa: SIM115
    os.dup2(held.fileno(), 2)
    sys.stderr = os.fdopen(real, "w", buffering=1, encoding=sys.stderr.encoding, errors="replace")

    def on_abort(number: int) -> None:
        size = os.fstat(held.fileno()).st_size
        text = os.pread(held.fileno(), 65536, max(0, size - 65536))
        if _SIGN.encode() in text:
            restore = _SHOW_CURSOR if os.isatty(real) else b""
            os.write(real, restore + f"metaplastic: {_line[0]}\n".encode())
            os._exit(1)
        os.write(real, text)
        os._exit(128 + number)

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(on_abort)
    # Python's handlers run in the main thread only, which may be blocked in a collective
    ctypes.CDLL(None).signal(signal.SIGABRT, handler)
    _references.extend((held, handler))


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Keep the output of C++ libraries off stdout."""
    sys.stdout.flush()
    real = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        yield
    finally:
        os.dup2(real, 1)
        os.close(real)
        os.close(null)
