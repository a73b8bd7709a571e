"""Ends a process of a mesh in one line where another is lost.

JAX's coordination service watches heartbeats; where a process is silent for too long, or the
service itself is gone, JAX's client aborts the process from a thread of its own, with a stack
trace. No callback can be given to it from Python that works (JAX 0.10). So the abort is caught.
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
    "another process of this mesh was lost; what was saved is whole: go on by --resume "
    "with the processes that are left"
)
_SIGN = "JAX distributed service detected fatal errors"
_SHOW_CURSOR = b"\x1b[?25h"
_kept: list[Any] = []  # what must outlive `start`
_line = [LOST]


def say(line: str) -> None:
    """What an abort prints from here on."""
    _line[0] = line


def start(line: str) -> None:
    """From here on an abort by JAX's coordination client prints `line` and exits with status 1.

    What C++ libraries write to stderr is held in a temporary file, and shown only where the
    process aborts for another reason. Python's own stderr is untouched.
    """
    say(line)
    if _kept:
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
    # Python's own handlers run in the main thread only, which may be inside a collective
    ctypes.CDLL(None).signal(signal.SIGABRT, handler)
    _kept.extend((held, handler))


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Nothing that a C++ library prints reaches stdout."""
    sys.stdout.flush()
    real = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(real, 1)
        os.close(real)
        os.close(nowhere)
