"""What baselines share that see the labels and the unlabelled rows at once."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.evaluation.baselines.baseline import Encoder

UNKNOWN = -1  # scikit-learn's label of a row without one


def mixed_rows(
    inputs: NDArray[np.float32],
    labelled: NDArray[np.float32],
    labels: NDArray[np.integer],
    limit: int,
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The labelled rows, then at most `limit` of the unlabelled `inputs`, labelled -1.

    Unlabelled rows that are one of the labelled ones are left out: each example comes once.
    """
    known = {row.tobytes() for row in np.ascontiguousarray(labelled)}
    fresh = np.array([row.tobytes() not in known for row in np.ascontiguousarray(inputs)], bool)
    places = np.flatnonzero(fresh)
    if len(places) > limit:
        places = np.sort(np.random.default_rng(seed).choice(places, limit, replace=False))
    both = np.concatenate([labelled, inputs[places]])
    return both, np.concatenate([labels, np.full(len(places), UNKNOWN)]).astype(np.int64)


def scores_of(machine: Any, n_classes: int) -> Encoder:
    """A scikit-learn classifier's probabilities, a column for each of 0 to `n_classes` - 1."""
    classes = np.asarray(machine.classes_)

    def scores(rows: NDArray[np.floating]) -> NDArray[np.float64]:
        out = np.zeros((len(rows), n_classes))
        with warnings.catch_warnings():  # rows that no label reached have no distribution: zeros
            warnings.simplefilter("ignore", RuntimeWarning)
            out[:, classes] = np.nan_to_num(machine.predict_proba(rows))
        return out

    return scores
