"""Baseline `random-forest`: trees on the labelled examples only (Breiman, 2001)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.evaluation.baselines.baseline import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.baselines.semi_supervised import scores_of
from metaplastic.evaluation.trials import Trial
from metaplastic.settings import SettingsModel


class RandomForestSettings(SettingsModel):
    """Hyperparameters of the search."""

    trees: int = Field(300, ge=1, description="number of trees")
    inputs: float | None = Field(
        None,
        gt=0,
        le=1,
        description="fraction of inputs tried at a split; none: the square root of their number",
    )
    leaf: int = Field(1, ge=1, description="fewest examples in a leaf")


class RandomForest(LabelledBaseline):
    """scikit-learn's random forest on the inputs, without unlabelled rows."""

    name = "random-forest"
    title = "random forest, same labels"
    Settings = RandomForestSettings
    grid = ({}, {"inputs": 0.3}, {"leaf": 3}, {"inputs": 0.1})

    def fit_trial(
        self,
        data: Unlabelled,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        n_classes: int,
        trial: Trial,
    ) -> Encoder:
        from sklearn.ensemble import RandomForestClassifier

        settings = self.settings
        assert isinstance(settings, RandomForestSettings)
        forest = RandomForestClassifier(
            settings.trees,
            max_features=settings.inputs or "sqrt",  # pyright: ignore[reportArgumentType]
            min_samples_leaf=settings.leaf,
            random_state=trial.seed,
        )
        return scores_of(forest.fit(rows, labels), n_classes)
