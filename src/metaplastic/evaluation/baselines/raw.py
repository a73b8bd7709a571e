"""Baseline `raw`: the readout on the inputs themselves."""

from __future__ import annotations

from collections.abc import Sequence

from metaplastic.evaluation.baselines.baseline import Baseline, Encoder, Unlabelled
from metaplastic.evaluation.trials import Trial
from metaplastic.progress import Progress, silent


class Raw(Baseline):
    """The identity: the readout on the raw inputs."""

    name = "raw"
    title = "raw input"

    def fit(
        self, data: Unlabelled, trials: Sequence[Trial], progress: Progress = silent
    ) -> list[Encoder]:
        return [lambda rows: rows for _ in trials]
