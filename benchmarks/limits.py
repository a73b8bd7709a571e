"""Limits of the machine: the rate of matrix products of given shapes, and memory bandwidth."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.counting import Counts, Product

COVERED = 0.95  # fraction of flops measured; the mean rate is assumed for the others
MOST_SHAPES = 40
TRIAD_BYTES = [2**p for p in range(14, 29, 2)]


def best_seconds(job: Callable[[], Any], *, rounds: int = 3, least: float = 0.005) -> float:
    """Return the seconds of one call: the minimum over rounds of at least `least` seconds."""
    job()
    calls, best = 1, math.inf
    for _ in range(rounds):
        while True:
            began = time.perf_counter()
            for _ in range(calls):
                job()
            seconds = time.perf_counter() - began
            best = min(best, seconds / calls)
            if seconds >= least:
                break
            calls *= 2
    return best


def product_rate(product: Product) -> float:
    """Measure the flops per second of a product: the better of JAX and, on a CPU, NumPy."""
    b, m, k, n = product
    # distinct left operands, so that no compiler moves the product out of the loop
    repeats = max(1, min(64, int(4e6 / product.flops), int(64e6 / (4 * b * (m * k + m * n)))))
    rng = np.random.default_rng(0)
    left = rng.normal(size=(repeats, b, m, k)).astype(np.float32)
    right = rng.normal(size=(b, k, n)).astype(np.float32)
    arrays = jnp.asarray(left), jnp.asarray(right)
    program = jax.jit(lambda x, y: jax.lax.map(lambda one: one @ y, x)).lower(*arrays).compile()
    seconds = best_seconds(lambda: jax.block_until_ready(program(*arrays))) / repeats
    if jax.default_backend() == "cpu":
        out = np.empty((b, m, n), np.float32)
        seconds = min(seconds, best_seconds(lambda: np.matmul(left[0], right, out=out)))
    return product.flops / seconds


def product_seconds(counts: Counts) -> dict[str, Any]:
    """Compute the minimum time of the program's sequential products, and list measured shapes."""
    shapes: Counter[Product] = Counter()
    for p, n in counts.products.items():  # a product and its transpose are the same
        shapes[min(p, Product(p.batch, p.n, p.k, p.m))] += n
    order = sorted(shapes, key=lambda p: -p.flops * shapes[p])
    measured: dict[Product, float] = {}
    covered = 0
    for product in order[:MOST_SHAPES]:
        measured[product] = product_rate(product)
        covered += product.flops * shapes[product]
        if covered > COVERED * counts.flops:
            break
    seconds = sum(p.flops * shapes[p] / rate for p, rate in measured.items())
    return {
        "seconds": seconds * counts.flops / covered,
        "rate": covered / seconds,
        "share_of_flops_measured": covered / counts.flops,
        "shapes": [
            {"shape": list(p), "share": p.flops * shapes[p] / counts.flops, "rate": rate}
            for p, rate in list(measured.items())[:6]
        ],
    }


def bandwidths(sizes: Iterable[int] = TRIAD_BYTES) -> dict[int, float]:
    """Measure bytes per second of `a <- b + s a` (two reads, one write) by the bytes moved."""
    by_size = {}
    for size in sizes:
        length = size // 12
        loops = max(1, min(256, 2**25 // size))

        def triad(a: Any, b: Any, loops: int = loops) -> Any:
            return jax.lax.fori_loop(0, loops, lambda _, a: b + 0.5 * a, a)

        a, b = jnp.ones(length), jnp.ones(length)
        program = jax.jit(triad, donate_argnums=0).lower(a, b).compile()
        state = [a]

        def job(program: Any = program, state: list[Any] = state, b: Any = b) -> None:
            state[0] = jax.block_until_ready(program(state[0], b))

        by_size[size] = loops * 12 * length / best_seconds(job)
    return by_size


def memory_seconds(counts: Counts, bandwidth: dict[int, float]) -> float:
    """Compute the minimum time of the program's passes, each at the bandwidth of its size."""
    sizes = np.log(list(bandwidth))
    rates = list(bandwidth.values())
    return sum(
        size * n / float(np.interp(math.log(max(size, 1)), sizes, rates))
        for size, n in counts.passes.items()
    )


def roofline(counts: Counts) -> dict[str, Any]:
    """Compute the minimum time of the program on this machine: the longer of its products and its
    passes over memory, assuming that the two overlap perfectly."""
    products = product_seconds(counts)
    bandwidth = bandwidths()
    memory = memory_seconds(counts, bandwidth)
    return {
        "products": products,
        "memory_seconds": memory,
        "memory_seconds_from_main_memory": counts.bytes / bandwidth[max(bandwidth)],
        "bandwidth": {str(size): rate for size, rate in bandwidth.items()},
        "square_product_rate": product_rate(Product(1, 1024, 1024, 1024)),
        "seconds": max(products["seconds"], memory),
        "binds": "products" if products["seconds"] > memory else "memory",
    }
