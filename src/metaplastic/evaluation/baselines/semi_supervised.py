"""Code shared by baselines that use labelled and unlabelled rows together."""

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
    """Return the labelled rows, then at most `limit` of the unlabelled `inputs`, labelled -1.

    Unlabelled rows that equal a labelled one are left out, so that each example occurs once.
    """
    known = {row.tobytes() for row in np.ascontiguousarray(labelled)}
    unlabelled = np.array(
        [row.tobytes() not in known for row in np.ascontiguousarray(inputs)], bool
    )
    indices = np.flatnonzero(unlabelled)
    if len(indices) > limit:
        indices = np.sort(np.random.default_rng(seed).choice(indices, limit, replace=False))
    both = np.concatenate([labelled, inputs[indices]])
    return both, np.concatenate([labels, np.full(len(indices), UNKNOWN)]).astype(np.int64)


def scores_of(classifier: Any, n_classes: int) -> Encoder:
    """Return an encoder of a scikit-learn classifier's probabilities (n, `n_classes`)."""
    classes = np.asarray(classifier.classes_)

    def scores(rows: NDArray[np.floating]) -> NDArray[np.float64]:
        out = np.zeros((len(rows), n_classes))
        with warnings.catch_warnings():  # rows that no label reached get zeros
            warnings.simplefilter("ignore", RuntimeWarning)
            out[:, classes] = np.nan_to_num(classifier.predict_proba(rows))
        return out

    return scores
