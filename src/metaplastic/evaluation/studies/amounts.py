"""Study `amounts`: accuracy against the amounts that the inner loop is given.

Three sweeps, each over one quantity: examples in an inner minibatch, unlabelled examples in total,
units of the top layer. Baselines are included where the quantity applies to them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from metaplastic.evaluation import results
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.study import Count, Study, StudySettings, known_baselines

SWEEPS = {  # titles by the protocol field that is varied
    "batch_size": "examples in an inner minibatch",
    "unlabelled": "unlabelled examples",
    "n_features": "features: units of the top layer",
}
OF_BASELINES = ("unlabelled", "n_features")  # every baseline has its own minibatches


class AmountsSettings(StudySettings):
    """Baselines use the hyperparameters that the search chose at the study's default amounts."""

    dataset: str = Field("mnist@14", description="address of the data set")
    batch_sizes: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (8, 16, 32, 64, 128, 256, 512), description="examples in an inner minibatch"
    )
    amounts: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (100, 300, 1000, 3000, 10_000, 60_000),
        description="numbers of unlabelled examples; larger than the data set: all",
    )
    features: tuple[Count, ...] = Field(
        (4, 8, 16, 32, 64, 128), description="units of the top layer, which are the features"
    )
    baselines: tuple[str, ...] = Field(
        ("raw", "pca", "kmeans"),
        description="names of baselines, for the sweeps of amounts and features",
    )


class Amounts(Study):
    """Measures the test accuracy of every method at every amount."""

    name = "amounts"
    title = "Accuracy against minibatches, unlabelled examples and features"
    figure = "metaplastic.figures.amounts"
    example: ClassVar[dict[str, Any]] = {
        "dataset": "digits",
        "batch_sizes": (8,),
        "amounts": (50, 5000),
        "features": (6,),
        "baselines": ("raw",),
    }
    Settings = AmountsSettings

    def cells(self) -> int:
        swept = self.swept()
        baselines = len(self._baselines()) * sum(len(swept[name]) for name in OF_BASELINES)
        return sum(map(len, swept.values())) + baselines

    def swept(self) -> dict[str, list[int]]:
        """Return the distinct values of each sweep in increasing order."""
        settings = self.settings
        assert isinstance(settings, AmountsSettings)
        available = len(self.context.problem(settings.dataset).train)
        return {
            "batch_size": sorted(set(settings.batch_sizes)),
            "unlabelled": sorted({min(amount, available) for amount in settings.amounts}),
            "n_features": sorted(set(settings.features)),
        }

    def _baselines(self) -> tuple[str, ...]:
        assert isinstance(self.settings, AmountsSettings)
        return known_baselines(self.settings.baselines)

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, AmountsSettings)
        default = self.config(settings.dataset)
        sweeps = {
            name: {
                "title": SWEEPS[name],
                "values": values,
                "usual": self._default_value(name, default),
                "methods": self._methods(name, values, default),
            }
            for name, values in self.swept().items()
        }
        return {
            "seeds": list(default.seed_list),
            "inner_steps": self.inner_steps(),
            "data": self.describe_data(settings.dataset),
            "sweeps": sweeps,
        }

    def _default_value(self, name: str, config: FewShotConfig) -> int:
        """Return the value of the swept field in the other sweeps."""
        value = getattr(config, name)
        return len(self.context.problem(config.dataset).train) if value is None else value

    def _methods(self, name: str, values: list[int], default: FewShotConfig) -> dict[str, Any]:
        points = (0, self.inner_steps())
        changes: list[dict[str, Any]] = [{name: value, "points": points} for value in values]
        configs = [self.config(default.dataset, **change) for change in changes]
        curves = np.array([self.rule_curve(self.context.rule, config) for config in configs])
        methods = {
            "rule": _entry(self.context.rule.plain, curves[..., -1]),
            "random": _entry("random network", curves[..., 0]),
        }
        if name not in OF_BASELINES:
            return methods
        search = self.search(default)
        for baseline in self._baselines():
            measured = [self.baseline(baseline, config, search) for config in configs]
            accuracy = np.array([entry["accuracy"] for entry in measured])
            methods[baseline] = _entry(measured[0]["title"], accuracy)
        return methods


def _entry(title: str, accuracy: np.ndarray) -> dict[str, Any]:
    """Build an entry of accuracies (values, seeds) with their means and standard errors."""
    return {
        "title": title,
        "accuracy": accuracy.tolist(),
        "summary": [results.mean_and_error(list(row)) for row in accuracy],
    }
