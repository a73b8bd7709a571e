"""A pytree's arrays by the names of their fields, and back into a skeleton of the same shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import MetaplasticError
from metaplastic.forks import refuse_after_fork

T = TypeVar("T")


def on_device(array: NDArray[np.generic]) -> jax.Array:
    """A copy of an array on JAX's device."""
    refuse_after_fork()
    return jax.device_put(np.array(array))  # unlike `jnp.array`, compiles nothing


def arrays_of(tree: Any) -> dict[str, NDArray[np.generic]]:
    """Every array by the dotted path of its field. float64 becomes float32, as files hold."""
    arrays = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_array)):
        array = np.asarray(leaf)
        arrays[_name(path)] = array.astype(np.float32) if array.dtype == np.float64 else array
    return arrays


def fill(
    skeleton: T,
    arrays: Mapping[str, NDArray[np.generic]],
    where: str,
    error: type[MetaplasticError],
    copy: Callable[[NDArray[np.generic]], Any] = on_device,
) -> T:
    """`skeleton` (from `eqx.filter_eval_shape`) with copies of its arrays filled in: `copy` is
    `np.array` where they are to stay on the host and nothing is to be run by JAX.

    Raises `error`, naming `where`, unless names, shapes and dtypes agree and all is finite.
    """
    shapes, rest = eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    leaves, structure = jax.tree_util.tree_flatten_with_path(shapes)
    wanted = {_name(path): leaf for path, leaf in leaves}
    if set(wanted) != set(arrays):
        missing, extra = (
            ", ".join(sorted(names))[:200] or "none"
            for names in (set(wanted) - set(arrays), set(arrays) - set(wanted))
        )
        raise error(
            f"{where}: does not hold the arrays that it should "
            f"(missing: {missing}; unknown: {extra})"
        )
    for name, leaf in wanted.items():
        array = arrays[name]
        if array.shape != leaf.shape or array.dtype != leaf.dtype:
            raise error(
                f"{where}: {name!r} is {array.dtype} of shape {array.shape}, "
                f"expected {leaf.dtype} of shape {leaf.shape}"
            )
        if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
            raise error(f"{where}: {name!r} holds numbers that are not finite")
    # copied: the arrays may be views of a file's bytes
    filled = [copy(arrays[name]) for name in wanted]
    return eqx.combine(jax.tree_util.tree_unflatten(structure, filled), rest)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray))


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
