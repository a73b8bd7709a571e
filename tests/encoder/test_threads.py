"""Blocks on threads: in order, errors passed on, and the process's setting left as it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from metaplastic.encoder.threads import over_blocks


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in ThreadpoolController().info()]


def test_results_come_in_order_and_the_setting_is_restored() -> None:
    before = blas_threads()
    x = np.random.default_rng(0).normal(size=(64, 50, 50))

    def transform(_: int) -> list[float]:
        return over_blocks(lambda i: float((x[i] @ x[i]).sum()), range(64))

    expected = [float((m @ m).sum()) for m in x]
    with ThreadPoolExecutor(4) as callers:
        for actual in callers.map(transform, range(16)):
            np.testing.assert_allclose(actual, expected)
    assert blas_threads() == before


def test_errors_are_passed_on_and_the_setting_is_restored() -> None:
    before = blas_threads()
    with pytest.raises(ZeroDivisionError):
        over_blocks(lambda i: 1 // i, range(3))
    assert blas_threads() == before


def test_a_process_limited_to_one_thread_stays_so() -> None:
    from threading import get_ident

    with threadpool_limits(1):
        assert set(over_blocks(lambda _: get_ident(), range(8))) == {get_ident()}
