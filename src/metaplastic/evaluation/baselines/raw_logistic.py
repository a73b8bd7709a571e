"""Baseline `raw-logistic`: logistic regression on the inputs themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaplastic.blas import one_thread_per_product
from metaplastic.evaluation.baselines.baseline import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.trials import Trial
from metaplastic.readout import logistic


class RawLogistic(LabelledBaseline):
    """Multinomial logistic regression with an L2 penalty.

    The penalty is chosen by cross-validation on the labelled examples, in up to five stratified
    folds; ties in accuracy go to the smaller log loss. There are no other hyperparameters.
    """

    name = "raw-logistic"
    title = "raw input, logistic"

    def fit_trial(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trial: Trial,
    ) -> Encoder:
        with one_thread_per_product():
            return logistic.fit(rows, labels, n_classes)
