"""Threads of a process: how XLA and the C library use them."""

from __future__ import annotations

import ctypes
import os

_M_ARENA_MAX = -8  # of mallopt, in glibc's malloc.h
_ARENAS = 1024  # an upper limit; a heap is made when a thread first needs one


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def one_thread_per_operation() -> None:
    """Keep XLA from splitting each operation over the cores, and threads from sharing heaps.

    The arrays of an inner loop are small: forking and joining threads for every operation costs
    more than a second core saves (docs/performance.md). Call this before JAX's first use; what the
    user set by XLA_FLAGS, MALLOC_ARENA_MAX or GLIBC_TUNABLES is not changed.
    """
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    _one_heap_per_thread()


def _one_heap_per_thread() -> None:
    """Let glibc give each thread a heap of its own.

    By default it makes eight heaps per core at most, fewer than the threads of a small machine's
    process. Where the thread that runs XLA's programs shares the heap of one that compiled them,
    which is fragmented, allocation takes a noticeable share of a meta-gradient's time.
    """
    if "MALLOC_ARENA_MAX" in os.environ or "GLIBC_TUNABLES" in os.environ:
        return
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    except (AttributeError, OSError, TypeError):
        return  # not glibc
