"""Products and bytes counted from compiled programs, against counts by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from benchmarks.counting import Product, count

M, K, N, STEPS = 24, 40, 56, 7


def _compiled(function: Any, *arguments: Any) -> Any:
    return jax.jit(function).lower(*arguments).compile()


def test_a_product_by_hand() -> None:
    program = _compiled(lambda a, b: a @ b, jnp.ones((M, K)), jnp.ones((K, N)))
    counts = count(program.as_text())
    assert counts.flops == 2 * M * K * N
    assert sum(counts.products.values()) == 1
    (product,) = counts.products
    # a compiler may compute the transpose
    assert {product, Product(1, product.n, product.k, product.m)} >= {Product(1, M, K, N)}
    assert counts.bytes == pytest.approx(4 * (M * K + K * N + M * N), rel=0.01)


def test_a_batch_of_products() -> None:
    program = _compiled(
        lambda a, b: jnp.einsum("bij,bjk->bik", a, b), jnp.ones((3, M, K)), jnp.ones((3, K, N))
    )
    assert count(program.as_text()).flops == 3 * 2 * M * K * N


def test_a_loop_body_counts_as_often_as_it_runs() -> None:
    def loop(x: jax.Array, w: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda c, _: (jnp.tanh(c @ w), None), x, length=STEPS)[0]

    program = _compiled(loop, jnp.ones((M, K)), jnp.ones((K, K)))
    assert count(program.as_text()).flops == STEPS * 2 * M * K * K


def test_loops_in_loops_and_the_dearer_branch() -> None:
    def step(x: jax.Array, w: jax.Array, go: jax.Array) -> jax.Array:
        return jax.lax.cond(go, lambda c: jnp.tanh(c @ w @ w), lambda c: c, x)

    def loop(x: jax.Array, w: jax.Array, go: jax.Array) -> jax.Array:
        def inner(x: jax.Array) -> jax.Array:
            return jax.lax.scan(lambda c, g: (step(c, w, g), None), x, go)[0]

        return jax.lax.map(inner, x)

    arguments = (jnp.ones((3, M, K)), jnp.ones((K, K)), jnp.ones(STEPS, bool))
    counts = count(_compiled(loop, *arguments).as_text())
    assert counts.flops == 3 * STEPS * 2 * 2 * M * K * K


def test_bytes_without_loops_are_those_of_xla() -> None:
    def layers(x: jax.Array, w: jax.Array) -> jax.Array:
        for _ in range(4):
            x = jnp.tanh(x @ w)
            x = x - x.mean(0, keepdims=True)
        return x

    program = _compiled(
        jax.grad(lambda x, w: layers(x, w).sum()), jnp.ones((M, K)), jnp.ones((K, K))
    )
    counted = program.cost_analysis()["bytes accessed"]
    assert count(program.as_text()).bytes == pytest.approx(counted, rel=0.15)
