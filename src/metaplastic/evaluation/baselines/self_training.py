"""Baseline `self-training`: logistic regression that adds its confident predictions as labels."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.blas import one_thread_per_product
from metaplastic.evaluation.baselines.baseline import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.baselines.semi_supervised import mixed_rows, scores_of
from metaplastic.evaluation.trials import Trial
from metaplastic.readout.logistic import choose_penalty, unit_scale
from metaplastic.settings import SettingsModel


class SelfTrainingSettings(SettingsModel):
    """Hyperparameters of the search."""

    threshold: float = Field(
        0.75, gt=0, lt=1, description="minimum probability of a prediction that is added"
    )
    rounds: int = Field(5, ge=1, description="maximum number of rounds of adding predictions")
    rows: int = Field(2_000, ge=1, description="maximum number of unlabelled rows, drawn per seed")


class SelfTraining(LabelledBaseline):
    """scikit-learn's self-training (Yarowsky, 1995) of the logistic regression of `raw-logistic`.

    Its penalty is chosen by cross-validation on the labelled rows only.
    """

    name = "self-training"
    title = "self-training, logistic"
    Settings = SelfTrainingSettings
    grid = (
        {},
        {"threshold": 0.9},
        {"threshold": 0.97},
        {"threshold": 0.99},
        {"threshold": 0.997},
        {"threshold": 0.6},
        {"threshold": 0.6, "rounds": 10},
        {"threshold": 0.9, "rounds": 10},
        {"threshold": 0.99, "rounds": 10},
        {"threshold": 0.9, "rounds": 2},
        {"threshold": 0.99, "rounds": 2},
    )

    def fit_trial(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trial: Trial,
    ) -> Encoder:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.semi_supervised import SelfTrainingClassifier

        settings = self.settings
        assert isinstance(settings, SelfTrainingSettings)
        mean, scale = unit_scale(rows)
        with one_thread_per_product():
            strength = choose_penalty(rows, labels, n_classes)
        mixed, known = mixed_rows(data.inputs, rows, labels, settings.rows, trial.seed)
        classifier = SelfTrainingClassifier(
            LogisticRegression(C=strength, max_iter=200),
            threshold=settings.threshold,
            max_iter=settings.rounds,
        )
        with warnings.catch_warnings(), one_thread_per_product():
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(((mixed - mean) / scale).astype(np.float32), known)
        return _scaled(scores_of(classifier, n_classes), mean, scale)


def _scaled(scores: Encoder, mean: NDArray[np.float64], scale: float) -> Encoder:
    """Return scores of rows, scaled as the fitted ones."""
    return lambda rows: scores(((rows - mean) / scale).astype(np.float32))
