"""Convert a pytree to arrays by field name, and back, given a skeleton of the same shapes."""

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
    """Copy an array to JAX's device."""
    refuse_after_fork()
    return jax.device_put(np.array(array))  # unlike `jnp.array`, needs no compilation


def arrays_of(tree: Any) -> dict[str, NDArray[np.generic]]:
    """Return all arrays by the dotted path of their field. float64 becomes float32, as in files."""
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
    """Return `skeleton` (from `eqx.filter_eval_shape`) with copies of `arrays` filled in. Pass
    `np.array` as `copy` to keep the arrays on the host without running JAX.

    Raises `error`, prefixed with `where`, unless names, shapes and dtypes agree and all numbers are
    finite.
    """
    shapes, static = eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    leaves, structure = jax.tree_util.tree_flatten_with_path(shapes)
    expected = {_name(path): leaf for path, leaf in leaves}
    if set(expected) != set(arrays):
        missing, extra = (
            ", ".join(sorted(names))[:200] or "none"
            for names in (set(expected) - set(arrays), set(arrays) - set(expected))
        )
        raise error(
            f"{where}: does not hold the expected arrays (missing: {missing}; unknown: {extra})"
        )
    for name, leaf in expected.items():
        array = arrays[name]
        if array.shape != leaf.shape or array.dtype != leaf.dtype:
            raise error(
                f"{where}: {name!r} is {array.dtype} of shape {array.shape}, "
                f"expected {leaf.dtype} of shape {leaf.shape}"
            )
        if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
            raise error(f"{where}: {name!r} contains numbers that are not finite")
    # copied: the arrays may be views of a file's bytes
    filled = [copy(arrays[name]) for name in expected]
    return eqx.combine(jax.tree_util.tree_unflatten(structure, filled), static)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray))


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
