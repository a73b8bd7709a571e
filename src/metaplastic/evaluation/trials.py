"""Trials: what varies between seeds (labelled examples, the initial φ, the input permutation)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from numpy.typing import NDArray

from metaplastic import data
from metaplastic.evaluation.problem import Problem


class Trial(NamedTuple):
    """One trial. `permutation` (d,) reorders the inputs; `seed` determines everything else."""

    seed: int
    permutation: NDArray[np.int32]

    @property
    def init_key(self) -> PRNGKeyArray:
        """Return the key of the initial φ."""
        return jax.random.fold_in(jax.random.key(self.seed), 0)

    @property
    def batch_key(self) -> PRNGKeyArray:
        """Return the key of minibatches and anything else drawn during fitting."""
        return jax.random.fold_in(jax.random.key(self.seed), 1)


def _generator(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, purpose]))


def make_trials(seeds: Iterable[int], n_inputs: int, *, permuted: bool = True) -> list[Trial]:
    """Make a trial for every seed, each with its own permutation if `permuted`."""
    trials = []
    for seed in seeds:
        order = np.arange(n_inputs, dtype=np.int32)
        trials.append(Trial(seed, _generator(seed, 0).permutation(order) if permuted else order))
    return trials


def draw_labelled(problem: Problem, seed: int, per_class: int) -> NDArray[np.int64]:
    """Draw the rows of the training split that are labelled for this seed, class by class.

    Raises `DataError` if a class has too few examples.
    """
    return data.sample_labelled(problem.train_labels, per_class, _generator(seed, 1))


def draw_unlabelled(problem: Problem, limit: int | None) -> NDArray[np.float32]:
    """Return the training inputs, or `limit` rows drawn with a fixed seed, equal for all trials."""
    if limit is None or limit >= len(problem.train):
        return problem.train
    rows = _generator(0, 2).choice(len(problem.train), size=limit, replace=False)
    return problem.train[np.sort(rows)]
