"""Study `representation`: principal components of features before and after the inner loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.evaluation import results
from metaplastic.evaluation.few_shot import accuracy
from metaplastic.evaluation.inner_loop import run_inner_loop
from metaplastic.evaluation.studies.study import Study, StudySettings, protocol_key
from metaplastic.evaluation.trials import draw_labelled, draw_unlabelled, make_trials


class RepresentationSettings(StudySettings):
    """Settings of study `representation`; the figure shows `shown` test examples of seed 0."""

    datasets: tuple[str, ...] = Field(
        ("two_moons", "mnist@14"), min_length=1, description="addresses of the data sets"
    )
    shown: int = Field(600, ge=2, description="number of test examples that are drawn")


class Representation(Study):
    """Measures test features of the random network and after the last inner step: the first two
    principal components for one seed; the variance explained by the first k and the few-shot
    accuracy over seeds; and the accuracy of the raw inputs."""

    name = "representation"
    title = "What the features look like, before and after"
    figure = "metaplastic.figures.representation"
    example: ClassVar[dict[str, Any]] = {"datasets": ("two_moons",), "shown": 40}
    Settings = RepresentationSettings

    def cells(self) -> int:
        assert isinstance(self.settings, RepresentationSettings)
        return 3 * len(self.settings.datasets)

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, RepresentationSettings)
        datasets = {}
        for address in self.context.available(settings.datasets):
            problem = self.context.problem(address)
            count = min(settings.shown, len(problem.test))
            config = self.config(address)
            raw = self.baseline("raw", config, self.search(config))["accuracy"]
            datasets[address] = {
                "data": self.describe_data(address),
                "labels": problem.test_labels[:count].tolist(),
                "inputs": principal(problem.test[:count])[0].tolist(),
                "accuracy_of_inputs": {"accuracy": raw, **results.mean_and_error(raw)},
                "stages": [self._stage(address, steps) for steps in (0, self.inner_steps())],
            }
        return {
            "seeds": list(self.config(settings.datasets[0]).seed_list),
            "inner_steps": self.inner_steps(),
            "datasets": datasets,
        }

    def _stage(self, address: str, steps: int) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, RepresentationSettings)
        config = self.config(address)
        key = {
            "representation": self.context.rule.fingerprint,
            "steps": steps,
            "shown": settings.shown,
            "with": "accuracy",
            **protocol_key(config),
        }

        def compute(seeds: Sequence[int]) -> list[Any]:
            problem = self.context.problem(address)
            loop = run_inner_loop(
                self.context.rule.rule,
                draw_unlabelled(problem, config.unlabelled),
                make_trials(seeds, problem.train.shape[1]),
                (steps,),
                hidden=config.hidden,
                n_features=config.n_features,
                batch_size=config.batch_size,
                progress=self.context.progress,
            )
            cells = []
            for _, networks, trials in loop:
                for network, trial in zip(networks, trials, strict=True):
                    points, explained = principal(network(problem.test[: settings.shown]))
                    shown = points.tolist() if trial.seed == 0 else []
                    rows = draw_labelled(problem, trial.seed, config.labels_per_class)
                    cells.append(
                        {
                            "points": shown,
                            "explained": explained.tolist(),
                            "accuracy": accuracy(network, problem, rows),
                        }
                    )
            return cells

        cells = self.measured(key, config.seed_list, compute)
        explained = np.array([cell["explained"] for cell in cells])
        accuracies = results.as_numbers([cell["accuracy"] for cell in cells])
        return {
            "inner_steps": steps,
            "points": cells[0]["points"],
            "explained": explained.tolist(),
            "accuracy": accuracies,
            "accuracy_summary": results.mean_and_error(accuracies),
            "summary": [results.mean_and_error(list(column)) for column in explained.T],
        }


def principal(
    features: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the first two principal components (n, 2), and the cumulative fraction of variance
    explained by the first 1, 2, … components (all ones for constant features)."""
    centred = np.asarray(features, np.float64) - np.mean(features, axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    variance = singular**2
    total = variance.sum()
    share = np.cumsum(variance) / total if total > 0 else np.ones(len(variance))
    points = np.zeros((len(centred), 2))
    width = min(2, len(singular))
    points[:, :width] = left[:, :width] * singular[:width]
    return np.round(points, 4), np.asarray(np.round(share, 5), np.float64)
