"""Evaluate a function of (channels, cells, units) in blocks of cells that fit in a core's cache.

On a processor, a function of several layers spends most of its time on moving their activities,
if these do not fit in the cache. The derivative evaluates each block again, so nothing but the
function's arguments is stored for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

CACHED = 2**12  # numbers of a channel in one block
LARGE = 2**16  # from this many numbers of a channel on, blocks are used

BlockFunction = Callable[[Any, Array], Array]


class Blocks(NamedTuple):
    """`number` blocks of `size` cells, and a smaller one of the `rest`."""

    size: int
    number: int
    rest: int


def blocks_of(cells: int, units: int) -> Blocks | None:
    """Return how to split an array of this size, or None if it is better left whole."""
    if cells * units < LARGE or jax.default_backend() != "cpu":
        return None
    size = max(1, min(cells, CACHED // units))
    # blocks without a rest compile to half as many programs
    size = next((n for n in range(size, size // 2, -1) if cells % n == 0), size)
    return Blocks(size, *divmod(cells, size))


def map_cells(
    f: BlockFunction, blocks: Blocks, arguments: Any, planes: Float[Array, "channels cells units"]
) -> Float[Array, "out cells units"]:
    """Compute `f(arguments, planes)`, where f treats each cell apart from the others."""
    return _map(f, blocks, arguments, planes)  # pyright: ignore[reportReturnType]


def mean_of_cells(
    f: BlockFunction, blocks: Blocks, arguments: Any, planes: Float[Array, "channels cells units"]
) -> Float[Array, "out units"]:
    """Compute the mean of `f(arguments, planes)` over cells."""
    return _mean(f, blocks, arguments, planes)  # pyright: ignore[reportReturnType]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _map(f: BlockFunction, blocks: Blocks, arguments: Any, planes: Array) -> Array:
    shape = jax.eval_shape(f, arguments, planes)

    def one(start: Any, size: int, out: Array) -> Array:
        return _write(out, f(arguments, _read(planes, start, size)), start)

    return _loop(blocks, one, jnp.zeros(shape.shape, shape.dtype))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _mean(f: BlockFunction, blocks: Blocks, arguments: Any, planes: Array) -> Array:
    shape = jax.eval_shape(f, arguments, planes)

    def one(start: Any, size: int, total: Array) -> Array:
        return total + jnp.sum(f(arguments, _read(planes, start, size)), axis=1)

    total = _loop(blocks, one, jnp.zeros((shape.shape[0], shape.shape[2]), shape.dtype))
    return total / planes.shape[1]


def _keep(function: Any) -> Callable[..., tuple[Array, tuple[Any, Array]]]:
    def forward(
        f: BlockFunction, blocks: Blocks, arguments: Any, planes: Array
    ) -> tuple[Array, tuple[Any, Array]]:
        return function(f, blocks, arguments, planes), (arguments, planes)

    return forward


def _differentiate(
    f: BlockFunction,
    blocks: Blocks,
    kept: tuple[Any, Array],
    cotangent_of: Callable[[Any, int], Array],
) -> tuple[Any, Array]:
    """Return the derivatives by arguments and planes, given the cotangent of each block of f."""
    arguments, planes = kept

    def one(start: Any, size: int, carry: tuple[Any, Array]) -> tuple[Any, Array]:
        total, by_planes = carry
        _, pull_back = jax.vjp(f, arguments, _read(planes, start, size))
        by_arguments, by_block = pull_back(cotangent_of(start, size))
        return jax.tree.map(jnp.add, total, by_arguments), _write(by_planes, by_block, start)

    return _loop(blocks, one, (jax.tree.map(jnp.zeros_like, arguments), jnp.zeros_like(planes)))


def _map_backward(
    f: BlockFunction, blocks: Blocks, kept: tuple[Any, Array], cotangent: Array
) -> tuple[Any, Array]:
    return _differentiate(f, blocks, kept, partial(_read, cotangent))


def _mean_backward(
    f: BlockFunction, blocks: Blocks, kept: tuple[Any, Array], cotangent: Array
) -> tuple[Any, Array]:
    share = cotangent[:, None] / kept[1].shape[1]

    def spread(_start: Any, size: int) -> Array:
        return jnp.broadcast_to(share, (len(share), size, share.shape[2]))

    return _differentiate(f, blocks, kept, spread)


_map.defvjp(_keep(_map), _map_backward)
_mean.defvjp(_keep(_mean), _mean_backward)


def _read(planes: Array, start: Any, size: int) -> Array:
    return jax.lax.dynamic_slice_in_dim(planes, start, size, axis=1)


def _write(planes: Array, block: Array, start: Any) -> Array:
    return jax.lax.dynamic_update_slice_in_dim(planes, block, start, axis=1)


def _loop(blocks: Blocks, one: Callable[[Any, int, Any], Any], carry: Any) -> Any:
    """Update `carry` by `one(start, size, carry)` for each block."""
    size, number, rest = blocks
    carry = jax.lax.fori_loop(0, number, lambda i, carry: one(i * size, size, carry), carry)
    return one(number * size, rest, carry) if rest else carry
