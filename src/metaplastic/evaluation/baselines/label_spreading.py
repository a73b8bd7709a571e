"""Baseline `label-spreading`: Zhou et al. (2004), on the graph of nearest neighbours."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.evaluation.baselines.baseline import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.baselines.semi_supervised import mixed_rows, scores_of
from metaplastic.evaluation.trials import Trial
from metaplastic.settings import SettingsModel


class LabelSpreadingSettings(SettingsModel):
    """Hyperparameters of the search."""

    neighbours: int = Field(7, ge=1, description="nearest neighbours that a row is connected to")
    alpha: float = Field(
        0.2, gt=0, lt=1, description="weight of the neighbours' labels against a row's own"
    )
    rows: int = Field(10_000, ge=1, description="maximum number of unlabelled rows, drawn per seed")


class LabelSpreading(LabelledBaseline):
    """scikit-learn's label spreading over labelled and unlabelled rows.

    A new row gets the mean scores of its nearest neighbours among them.
    """

    name = "label-spreading"
    title = "label spreading, nearest neighbours"
    Settings = LabelSpreadingSettings
    grid = (
        {},
        {"neighbours": 15},
        {"neighbours": 30},
        {"neighbours": 60},
        {"alpha": 0.01, "neighbours": 15},
        {"alpha": 0.05},
        {"alpha": 0.05, "neighbours": 15},
        {"alpha": 0.05, "neighbours": 30},
        {"alpha": 0.8},
        {"alpha": 0.8, "neighbours": 15},
        {"alpha": 0.99, "neighbours": 15},
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
        from sklearn.semi_supervised import LabelSpreading as SklearnLabelSpreading

        settings = self.settings
        assert isinstance(settings, LabelSpreadingSettings)
        mixed, known = mixed_rows(data.inputs, rows, labels, settings.rows, trial.seed)
        spreading = SklearnLabelSpreading(
            kernel="knn",
            n_neighbors=min(settings.neighbours, len(mixed)),
            alpha=settings.alpha,
            max_iter=100,
            tol=1e-3,
        )
        with warnings.catch_warnings():  # changes after 100 iterations are small
            warnings.simplefilter("ignore", ConvergenceWarning)
            return scores_of(spreading.fit(mixed, known), n_classes)
