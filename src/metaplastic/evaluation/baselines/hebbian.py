"""Baseline `hebbian`: the hand-designed rule on the same base model."""

from __future__ import annotations

from collections.abc import Sequence

import jax
from pydantic import Field

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.inner_loop import run_inner_loop
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent
from metaplastic.rules import make_rule
from metaplastic.settings import SettingsModel


class HebbianSettings(SettingsModel):
    """Hyperparameters of the search."""

    inner_step: float = Field(0.1, gt=0, le=1, description="size of the first inner step")
    inner_steps: int = Field(100, ge=1, description="applications of the rule")


class HebbianBaseline(Baseline):
    """Oja's subspace rule with decorrelation, layer by layer; see `rules/hebbian.py`."""

    name = "hebbian"
    title = "Hebbian, by hand"
    Settings = HebbianSettings
    grid = (
        {},
        {"inner_step": 0.3},
        {"inner_steps": 25},
        {"inner_steps": 400},
        {"inner_steps": 1600},
        {"inner_step": 1.0},
        {"inner_step": 0.3, "inner_steps": 400},
        {"inner_step": 0.03, "inner_steps": 400},
    )

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        settings = self.settings
        assert isinstance(settings, HebbianSettings)
        loop = run_inner_loop(
            make_rule("hebbian", jax.random.key(0), inner_step=settings.inner_step),
            data.inputs,
            trials,
            (settings.inner_steps,),
            hidden=data.hidden,
            n_features=data.n_features,
            activation=data.activation,
            batch_size=data.batch_size,
            progress=progress,
        )
        return [network for _, networks, _ in loop for network in networks]
