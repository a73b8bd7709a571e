"""Averages of gradients in engine `ray`, for the trainer and its helpers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, PyTree

from metaplastic.meta.engines.asynchronous import Collected
from metaplastic.meta.engines.backend import Answer
from metaplastic.meta.engines.engine import Gathered


def is_finite(gathered: Gathered) -> bool:
    """Return whether there is a gradient, and all of it and its loss are finite."""
    if gathered.gradient is None or not np.isfinite(gathered.loss):
        return False
    return all(np.isfinite(a).all() for a in jax.tree.leaves(gathered.gradient))


def weight(answer: Answer) -> int:
    """Return the number of gradients that an answer averages."""
    return 1 if answer.report is None else answer.report.averaged


def combined(collected: Collected, more: dict[str, Any]) -> Gathered:
    """Average the finite gradients with equal weights, whether they come from a worker or in a
    helper's mean, and sum the other numbers to report."""
    parts = [answer.gathered for answer in collected.answers]
    usable = [(a.gathered, weight(a)) for a in collected.answers if is_finite(a.gathered)]
    finite, weights = [g for g, _ in usable], [w for _, w in usable]
    return Gathered(
        gradient=mean_tree([g.gradient for g in finite], weights) if finite else None,
        loss=_mean([g.loss for g in finite], weights),
        gradient_norm=_mean([g.gradient_norm for g in finite], weights),
        truncations=sum(g.truncations for g in parts),
        inner_steps=sum(g.inner_steps for g in parts),
        dropped=sum(g.dropped if is_finite(g) else g.truncations for g in parts),
        begun=sum(g.begun for g in parts),
        compile_seconds=max((g.compile_seconds for g in parts), default=0.0),
        more=more,
    )


def mean_tree(
    gradients: Sequence[PyTree[Array | np.ndarray]], weights: Sequence[int]
) -> PyTree[np.ndarray]:
    """Compute the weighted mean of each leaf, in the precision of the leaves."""
    if len(set(weights)) == 1:
        return jax.tree.map(lambda *g: np.asarray(np.mean(g, axis=0)), *gradients)
    shares = np.array(weights, np.float32) / sum(weights)
    return jax.tree.map(lambda *g: np.tensordot(shares, np.stack(g), 1), *gradients)


def _mean(numbers: Sequence[float], weights: Sequence[int]) -> float:
    if len(set(weights)) <= 1:
        return float(np.mean(numbers)) if numbers else float("nan")
    return float(np.average(numbers, weights=weights))
