"""The results of advancing groups in a meta-step, and their summary."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PyTree

from metaplastic.meta.engines.engine import Gathered


class Advanced(NamedTuple):
    """The results of one estimate for each of G groups of T tasks: every group's mean gradient over
    its finite tasks, and for every task the loss, the gradient norm and whether it is finite, each
    (G, T)."""

    gradients: list[PyTree[Array]]
    loss: np.ndarray
    norm: np.ndarray
    finite: np.ndarray
    lengths: list[int]
    begun: int
    compile_seconds: float


def summarise(advanced: Advanced) -> Gathered:
    """Average the gradients of the groups that have one, and collect the numbers to report."""
    finite = advanced.finite
    usable = [g for g, f in zip(advanced.gradients, finite, strict=True) if f.any()]
    gradient = None
    if usable:
        gradient = jax.tree.map(lambda *g: sum(g[1:], g[0]) / len(g), *usable)
    losses, norms = advanced.loss[finite], advanced.norm[finite]
    return Gathered(
        gradient=gradient,
        loss=float(losses.mean()) if losses.size else float("nan"),
        gradient_norm=float(norms.mean()) if norms.size else float("nan"),
        truncations=int(finite.size),
        inner_steps=int(sum(advanced.lengths)) * finite.shape[1],
        dropped=int(finite.size - finite.sum()),
        begun=advanced.begun,
        compile_seconds=advanced.compile_seconds,
    )
