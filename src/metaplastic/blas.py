"""Limit BLAS products to one thread, process-wide, while any caller needs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Event, Lock, Thread

from threadpoolctl import ThreadpoolController

_lock = Lock()
_inside = 0
_allowed = 1
_leave = Event()
_holder: Thread | None = None


def _reset() -> None:
    """Reset the state in a forked process: locks held by other threads of the parent at the time of
    the fork would never be released."""
    global _lock, _inside, _holder
    _lock, _inside, _holder = Lock(), 0, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def _hold_limit(is_set: Event, leave: Event) -> None:
    try:
        with _blas().limit(limits=1):
            is_set.set()
            leave.wait()
    finally:
        is_set.set()


@contextmanager
def one_thread_per_product() -> Iterator[int]:
    """Limit BLAS products to one thread inside the context; yield the previous limit.

    The limit is process-wide, so callers on several threads share it: the first to enter sets it,
    the last to leave restores it. threadpoolctl (from 3.8) lets only the thread that set a limit
    lift it, and that caller may have left by then, so a dedicated thread holds the limit.
    """
    global _inside, _allowed, _leave, _holder
    with _lock:
        if _inside == 0:
            _allowed = max((library["num_threads"] for library in _blas().info()), default=1)
            is_set, _leave = Event(), Event()
            _holder = Thread(target=_hold_limit, args=(is_set, _leave), daemon=True)
            _holder.start()
            is_set.wait()
        _inside += 1
        allowed = _allowed
    try:
        yield allowed
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _holder is not None:
                _leave.set()
                _holder.join()
