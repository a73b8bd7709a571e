"""Python's cyclic garbage collector, paused where much is made and little of it dropped.

Importing and tracing make hundreds of thousands of objects that stay. The collector looks through
all of them again and again as their number grows.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_collected() -> Iterator[None]:
    """Pause the collector; afterwards it is on again if it was on before.

    If another thread pauses it at the same time, whichever leaves first turns it on again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
