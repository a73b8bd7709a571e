"""The mean of the gradients of engine `ray`, at the trainer and at its helpers."""

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
    """Whether there is a gradient, and all of it and its loss are finite."""
    if gathered.gradient is None or not np.isfinite(gathered.loss):
        return False
    return all(np.isfinite(a).all() for a in jax.tree.leaves(gathered.gradient))


def weight(answer: Answer) -> int:
    """How many gradients an answer is the mean of."""
    return 1 if answer.report is None else answer.report.averaged


def combined(found: Collected, more: dict[str, Any]) -> Gathered:
    """The mean of the finite gradients that came, each as heavy as any other, whether it came from
    a worker or in a helper's mean; and the sums of what else is reported."""
    parts = [answer.gathered for answer in found.answers]
    usable = [(a.gathered, weight(a)) for a in found.answers if is_finite(a.gathered)]
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
    """The leaf-wise weighted mean, in the leaves' own precision."""
    if len(set(weights)) == 1:
        return jax.tree.map(lambda *g: np.asarray(np.mean(g, axis=0)), *gradients)
    shares = np.array(weights, np.float32) / sum(weights)
    return jax.tree.map(lambda *g: np.tensordot(shares, np.stack(g), 1), *gradients)


def _mean(numbers: Sequence[float], weights: Sequence[int]) -> float:
    if len(set(weights)) <= 1:
        return float(np.mean(numbers)) if numbers else float("nan")
    return float(np.average(numbers, weights=weights))
