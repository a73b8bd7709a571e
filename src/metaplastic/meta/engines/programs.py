"""Compiled programs, shared by the engines of one process.

Stages of a run, resumed runs and successive runs use the same program if their estimator, rule and
shapes are the same, so that it is traced and compiled only once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

# a program takes tens of megabytes; engines hold references to those that they currently use
MOST = 8
_CONFIG = ("jax_enable_x64", "jax_default_matmul_precision")  # settings that change a trace
_programs: OrderedDict[Hashable, Any] = OrderedDict()


def compiled(key: Hashable, arguments: PyTree, jitted: Callable[[], Any]) -> Any:
    """Return the program of `key` for arguments of these shapes, dtypes and shardings. If there is
    none yet, `jitted` makes the function to compile."""
    full_key = (key, signature(arguments), *(getattr(jax.config, name) for name in _CONFIG))
    if full_key in _programs:
        _programs.move_to_end(full_key)
        return _programs[full_key]
    program = jitted().lower(*arguments).compile()
    _programs[full_key] = program
    while len(_programs) > MOST:
        _programs.popitem(last=False)
    return program


def signature(tree: PyTree) -> Hashable:
    """Return what a program depends on: types of arrays, and values of everything else."""
    arrays, static = eqx.partition(tree, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    types = tuple((jax.typeof(leaf), leaf.sharding) for leaf in leaves)
    return types, structure, tuple(jax.tree.leaves(static)), jax.tree.structure(static)


def forget() -> None:
    """Release every program that no engine holds."""
    _programs.clear()
