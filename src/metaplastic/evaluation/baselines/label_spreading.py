"""Baseline `label-spreading`: Zhou et al. (2004), on the graph of nearest neighbours."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from metaplastic.evaluation.baselines.baseline import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.baselines.semi_supervised import mixed_rows, scores_of
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent


class LabelSpreadingSettings(BaseModel):
    """What the search chooses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: int = Field(7, ge=1, description="nearest rows that a row is joined to")
    alpha: float = Field(0.2, gt=0, lt=1, description="how much a row takes from its neighbours")
    rows: int = Field(10_000, ge=1, description="at most so many unlabelled rows, drawn per seed")


class LabelSpreading(LabelledBaseline):
    """scikit-learn's machine: labels spread over labelled and unlabelled rows alike.

    A new row has the mean scores of its nearest neighbours among them.
    """

    name = "label-spreading"
    title = "label spreading, nearest neighbours"
    Settings = LabelSpreadingSettings
    grid = (
        {},
        {"neighbours": 15},
        {"neighbours": 30},
        {"neighbours": 60},
        {"alpha": 0.8},
        {"alpha": 0.8, "neighbours": 15},
        {"alpha": 0.99, "neighbours": 15},
    )

    def fit_labelled(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trials: Sequence[Trial],
        progress: Progress = silent,
    ) -> list[Encoder]:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.semi_supervised import LabelSpreading as Machine

        settings = self.settings
        assert isinstance(settings, LabelSpreadingSettings)
        fitted: list[Encoder] = []
        for done, (trial, own, y) in enumerate(zip(trials, rows, labels, strict=True)):
            progress("label spreading", done, len(trials), "seeds")
            mixed, known = mixed_rows(data.inputs, own, y, settings.rows, trial.seed)
            machine = Machine(
                kernel="knn",
                n_neighbors=min(settings.neighbours, len(mixed)),
                alpha=settings.alpha,
                max_iter=100,
                tol=1e-3,
            )
            with warnings.catch_warnings():  # what is left to change after 100 rounds is small
                warnings.simplefilter("ignore", ConvergenceWarning)
                fitted.append(scores_of(machine.fit(mixed, known), n_classes))
        return fitted
