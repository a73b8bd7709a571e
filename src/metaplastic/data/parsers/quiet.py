"""Prevent C libraries from printing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_lock = threading.Lock()  # two threads swapping the descriptor at once would lose it


@contextmanager
def no_stderr() -> Iterator[None]:
    """Discard everything written to the process's standard error within the context.

    libtiff prints its own messages there, in addition to the error that Pillow raises.
    """
    with _lock:
        try:
            saved = os.dup(_STDERR)
        except OSError:  # closed: nothing can be printed
            yield
            return
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, _STDERR)
            yield
        finally:
            os.dup2(saved, _STDERR)
            os.close(null)
            os.close(saved)
