"""Baseline `rbm`: scikit-learn's restricted Boltzmann machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import ThreadpoolController

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.settings import SettingsModel


class RbmSettings(SettingsModel):
    """Hyperparameters of the search."""

    learning_rate: float = Field(
        0.1, gt=0, description="learning rate of stochastic maximum likelihood"
    )
    epochs: int = Field(5, ge=1, description="passes over the rows")
    rows: int = Field(10_000, ge=1, description="maximum number of examples, drawn per seed")


class Rbm(Baseline):
    """Bernoulli units; as many hidden ones as the base model has features.

    Inputs are scaled to 0..1 by their minimum and their 99.5 % quantile; the features are
    the probabilities of the hidden units.
    """

    name = "rbm"
    title = "RBM"
    Settings = RbmSettings
    grid = (
        {},
        {"learning_rate": 0.03},
        {"learning_rate": 0.03, "epochs": 15},
        {"learning_rate": 0.03, "epochs": 45},
        {"learning_rate": 0.03, "epochs": 135},
        {"learning_rate": 0.03, "epochs": 405},
        {"learning_rate": 0.01, "epochs": 15},
        {"learning_rate": 0.01, "epochs": 45},
        {"learning_rate": 0.003, "epochs": 15},
        {"learning_rate": 0.003, "epochs": 45},
        {"learning_rate": 0.001, "epochs": 15},
        {"learning_rate": 0.001, "epochs": 45},
    )

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        from sklearn.neural_network import BernoulliRBM

        settings = self.settings
        assert isinstance(settings, RbmSettings)
        low = float(data.inputs.min())
        high = float(np.quantile(data.inputs[:2000], 0.995))
        span = high - low if high > low else 1.0

        def probabilities(rows: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.clip((rows - low) / span, 0.0, 1.0)

        threads = ThreadpoolController()
        encoders: list[Encoder] = []
        for done, trial in enumerate(trials):
            progress("RBM", done, len(trials), "seeds")
            rng = np.random.default_rng(trial.seed)
            count = min(settings.rows, len(data.inputs))
            rows = data.inputs[rng.choice(len(data.inputs), count, replace=False)]
            rbm = BernoulliRBM(
                data.n_features,
                learning_rate=settings.learning_rate,
                batch_size=data.batch_size,
                n_iter=settings.epochs,
                random_state=trial.seed,
            )
            with threads.limit(limits=1):  # for small products, more threads only add overhead
                rbm.fit(probabilities(rows))
            encoders.append(lambda rows, rbm=rbm: rbm.transform(probabilities(rows)))
        return encoders
