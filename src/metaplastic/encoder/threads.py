"""Process blocks of rows on several threads, one thread per block.

This beats several threads per matrix product: activations run in parallel too, and no thread waits
for another in the middle of a product, which is slow on shared cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from metaplastic.blas import one_thread_per_product

T = TypeVar("T")
R = TypeVar("R")


def over_blocks(job: Callable[[T], R], blocks: Sequence[T]) -> list[R]:
    """Return `job(block)` of every block, in order, on as many threads as BLAS was allowed."""
    with one_thread_per_product() as allowed:
        if allowed < 2 or len(blocks) < 2:
            return [job(block) for block in blocks]
        with ThreadPoolExecutor(min(allowed, len(blocks))) as pool:
            return list(pool.map(job, blocks))
