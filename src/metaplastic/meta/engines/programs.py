"""Compiled programs, shared by the engines of one process.

Stages of a run, resumed runs and successive runs use the same program if their estimator, rule and
shapes are the same, so that it is traced and compiled only once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import PyTree

from metaplastic.threads import usable_cores

# a program takes tens of megabytes; engines hold references to those that they currently use
MOST = 8
_CONFIG = ("jax_enable_x64", "jax_default_matmul_precision")  # settings that change a trace
_programs: OrderedDict[Hashable, Any] = OrderedDict()


class Request(NamedTuple):
    """A program that is wanted: its key, its arguments, and what makes the function to compile."""

    key: Hashable
    arguments: PyTree
    jitted: Callable[[], Any]


def compiled(requests: Iterable[Request]) -> list[Any]:
    """Return the programs for arguments of these shapes, dtypes and shardings. Those that there are
    none of yet are compiled, once each: on a processor on all cores, on an accelerator one after
    another, as its compiler times alternatives on the device."""
    settings = tuple(getattr(jax.config, name) for name in _CONFIG)
    programs: dict[Hashable, Any] = {}
    keys: list[Hashable] = []
    at_once = usable_cores() if jax.default_backend() == "cpu" else 1
    with ThreadPoolExecutor(at_once) as threads:
        for request in requests:
            key = (request.key, signature(request.arguments), *settings)
            keys.append(key)
            if key in _programs:
                programs[key] = _programs[key]
            elif key not in programs:
                lowered = request.jitted().lower(*request.arguments)
                programs[key] = threads.submit(lowered.compile)
        programs = {k: p.result() if isinstance(p, Future) else p for k, p in programs.items()}
    for key, program in programs.items():
        _programs[key] = program
        _programs.move_to_end(key)
    while len(_programs) > MOST:
        _programs.popitem(last=False)
    return [programs[key] for key in keys]


def signature(tree: PyTree) -> Hashable:
    """Return what a program depends on: types of arrays, and values of everything else."""
    arrays, static = eqx.partition(tree, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    types = tuple((jax.typeof(leaf), leaf.sharding) for leaf in leaves)
    return types, structure, tuple(jax.tree.leaves(static)), jax.tree.structure(static)


def forget() -> None:
    """Release every program that no engine holds."""
    _programs.clear()
