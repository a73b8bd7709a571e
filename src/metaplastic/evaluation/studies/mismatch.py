"""Study `mismatch`: a VAE's few-shot accuracy against its own objective during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from metaplastic.evaluation import results
from metaplastic.evaluation.baselines.vae import Vae
from metaplastic.evaluation.few_shot import accuracy, as_unlabelled
from metaplastic.evaluation.studies.curves import curve_of, eighths
from metaplastic.evaluation.studies.study import Study, StudySettings, protocol_key
from metaplastic.evaluation.trials import draw_labelled, make_trials

ELBO_ROWS = 2000


class MismatchSettings(StudySettings):
    """Settings of study `mismatch`; the VAE has β = 1, so its objective is the ELBO."""

    datasets: tuple[str, ...] = Field(
        ("mnist@14", "fashion_mnist@14"), min_length=1, description="addresses of the data sets"
    )
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of Adam for the VAE")
    points: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0, 100, 200, 500, 1000, 2000, 5000, 10_000),
        min_length=2,
        description="steps after which objective and accuracy are measured",
    )


class Mismatch(Study):
    """Measures a VAE's objective and few-shot accuracy along training, beside the rule."""

    name = "mismatch"
    title = "A VAE's objective is not its few-shot accuracy"
    figure = "metaplastic.figures.mismatch"
    example: ClassVar[dict[str, Any]] = {"datasets": ("digits",), "points": (0, 5, 10)}
    Settings = MismatchSettings

    def cells(self) -> int:
        assert isinstance(self.settings, MismatchSettings)
        return 2 * len(self.settings.datasets)

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, MismatchSettings)
        datasets = {
            address: self._measure_on(address)
            for address in self.context.available(settings.datasets)
        }
        return {
            "seeds": list(self.config(settings.datasets[0]).seed_list),
            "horizon": self.inner_steps(),
            "datasets": datasets,
        }

    def vae_key(self, address: str) -> dict[str, Any]:
        """Return the key of the VAE's cell, which does not depend on the rule."""
        return {
            "vae": self._vae().settings.model_dump(mode="json"),
            "points": self._points(),
            **protocol_key(self.for_baselines(self.config(address))),
        }

    def _points(self) -> list[int]:
        assert isinstance(self.settings, MismatchSettings)
        return sorted(set(self.settings.points))

    def _vae(self) -> Vae:
        assert isinstance(self.settings, MismatchSettings)
        steps = max(1, *self.settings.points)
        return Vae(learning_rate=self.settings.learning_rate, steps=steps)

    def _measure_on(self, address: str) -> dict[str, Any]:
        points, vae = self._points(), self._vae()
        config = self.for_baselines(self.config(address))

        def compute(seeds: Sequence[int]) -> list[Any]:
            problem = self.context.problem(address)
            trials = make_trials(seeds, problem.train.shape[1])
            rows = [draw_labelled(problem, seed, config.labels_per_class) for seed in seeds]
            along = vae.along(as_unlabelled(problem, config), trials, points, self.context.progress)
            values = [
                [
                    [accuracy(v, problem, r), v.elbo(problem.test[:ELBO_ROWS])]
                    for v, r in zip(fitted, rows, strict=True)
                ]
                for _, fitted in along
            ]
            return np.swapaxes(np.array(values), 0, 1).tolist()

        both = np.array(self.measured(self.vae_key(address), config.seed_list, compute), float)
        rule_config = self.config(address, points=eighths(2 * self.inner_steps()))
        rule_curve = self.rule_curve(self.context.rule, rule_config)
        return {
            "data": self.describe_data(address),
            "vae": {
                "points": points,
                "accuracy": both[..., 0].tolist(),
                "elbo": both[..., 1].tolist(),
                "accuracy_summary": [results.mean_and_error(list(c)) for c in both[..., 0].T],
                "elbo_summary": [results.mean_and_error(list(c)) for c in both[..., 1].T],
            },
            "rule_curve": curve_of(self.context.rule, rule_curve, rule_config),
        }
