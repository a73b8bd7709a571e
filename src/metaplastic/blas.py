"""One thread for every BLAS product of the process, for as long as somebody needs that."""

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
_keeper: Thread | None = None


def _begin_anew() -> None:
    """In a forked process: what other threads of its parent held at that moment, nobody lets go."""
    global _lock, _inside, _keeper
    _lock, _inside, _keeper = Lock(), 0, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def _keep_limit(set_: Event, leave: Event) -> None:
    try:
        with _blas().limit(limits=1):
            set_.set()
            leave.wait()
    finally:
        set_.set()


@contextmanager
def one_thread_per_product() -> Iterator[int]:
    """Inside, a BLAS product takes one thread; gives how many it was allowed before.

    The setting belongs to the process, so that callers on several threads enter and leave it
    together: the first sets it, the last restores it. threadpoolctl (from 3.8) lets only the
    thread that set a limit lift it, and that caller may be gone by then: a thread of its own does.
    """
    global _inside, _allowed, _leave, _keeper
    with _lock:
        if _inside == 0:
            _allowed = max((library["num_threads"] for library in _blas().info()), default=1)
            is_set, _leave = Event(), Event()
            _keeper = Thread(target=_keep_limit, args=(is_set, _leave), daemon=True)
            _keeper.start()
            is_set.wait()
        _inside += 1
        allowed = _allowed
    try:
        yield allowed
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _keeper is not None:
                _leave.set()
                _keeper.join()
