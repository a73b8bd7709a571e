"""Compiled programs that the engines of one process share.

Stages of a run, a run that is resumed, and runs one after another take the same program where their
estimator, rule and shapes are the same: it is traced and compiled once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

# a program takes tens of megabytes; engines hold those that they are at work with themselves
MOST = 8
_CONFIG = ("jax_enable_x64", "jax_default_matmul_precision")  # what a trace depends on besides
_programs: OrderedDict[Hashable, Any] = OrderedDict()


def compiled(key: Hashable, arguments: PyTree, jitted: Callable[[], Any]) -> Any:
    """The program of `key` for arguments of these shapes, dtypes and shardings; `jitted` makes the
    function to compile where there is none yet."""
    full = (key, signature(arguments), *(getattr(jax.config, name) for name in _CONFIG))
    if full in _programs:
        _programs.move_to_end(full)
        return _programs[full]
    program = jitted().lower(*arguments).compile()
    _programs[full] = program
    while len(_programs) > MOST:
        _programs.popitem(last=False)
    return program


def signature(tree: PyTree) -> Hashable:
    """What a program depends on of its arguments: arrays by their kind, all else by value."""
    arrays, rest = eqx.partition(tree, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    kinds = tuple((jax.typeof(leaf), leaf.sharding) for leaf in leaves)
    return kinds, structure, tuple(jax.tree.leaves(rest)), jax.tree.structure(rest)


def forget() -> None:
    """Release every program that no engine holds."""
    _programs.clear()
