"""Keep a C library from printing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_lock = threading.Lock()  # two threads that swap the descriptor at once would lose it


@contextmanager
def no_stderr() -> Iterator[None]:
    """Discard what is written to the process's standard error meanwhile.

    libtiff prints its complaints there itself; Pillow raises an error with its own words.
    """
    with _lock:
        try:
            kept = os.dup(_STDERR)
        except OSError:  # closed: nothing can be printed
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, _STDERR)
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(nowhere)
            os.close(kept)
