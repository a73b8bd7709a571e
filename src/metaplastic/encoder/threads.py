"""Blocks of rows on several threads, each with a matrix product of its own.

One thread per block beats several threads per product: activations run in parallel too, and no
thread waits for another in the middle of a product, which is slow where cores are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

_lock = Lock()
_inside = 0
_limit: Any = None
_allowed = 1


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def _one_thread_per_product() -> Iterator[int]:
    """Inside, a BLAS product takes one thread; gives how many it was allowed before.

    The setting belongs to the process, so that callers on several threads enter and leave it
    together: the first sets it, the last restores it.
    """
    global _inside, _limit, _allowed
    with _lock:
        if _inside == 0:
            blas = _controller().select(user_api="blas")
            _allowed = max((library["num_threads"] for library in blas.info()), default=1)
            _limit = blas.limit(limits=1)
        _inside += 1
        allowed = _allowed
    try:
        yield allowed
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()


def over_blocks(job: Callable[[T], R], blocks: Sequence[T]) -> list[R]:
    """`job` of every block, in order, on as many threads as a product was allowed."""
    with _one_thread_per_product() as allowed:
        if allowed < 2 or len(blocks) < 2:
            return [job(block) for block in blocks]
        with ThreadPoolExecutor(min(allowed, len(blocks))) as pool:
            return list(pool.map(job, blocks))
