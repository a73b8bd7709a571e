"""Study `amounts`: accuracy against how much there is of what the inner loop is given.

Three sweeps, one thing at a time: examples in an inner minibatch, unlabelled examples in all, units
of the top layer. Baselines stand beside the rule where the thing is theirs too.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from metaplastic.evaluation import results
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.study import Study, StudySettings, known_baselines

SWEEPS = {  # by the field of the protocol that is varied
    "batch_size": "examples in an inner minibatch",
    "unlabelled": "unlabelled examples",
    "n_features": "features: units of the top layer",
}
OF_BASELINES = ("unlabelled", "n_features")  # minibatches are each baseline's own


class AmountsSettings(StudySettings):
    """Baselines have the settings that were searched for at the study's usual amounts."""

    dataset: str = Field("mnist@14", description="address of the data set")
    batch_sizes: tuple[int, ...] = Field(
        (8, 16, 32, 64, 128, 256, 512), description="examples in an inner minibatch"
    )
    amounts: tuple[int, ...] = Field(
        (100, 300, 1000, 3000, 10_000, 60_000),
        description="unlabelled examples; those beyond what there are mean all",
    )
    features: tuple[int, ...] = Field(
        (4, 8, 16, 32, 64, 128), description="units of the top layer, which are the features"
    )
    rivals: tuple[str, ...] = Field(
        ("raw", "pca", "kmeans"),
        description="baselines by name, for the amounts and the features",
    )


class Amounts(Study):
    """Test accuracy of every method at every amount."""

    name = "amounts"
    title = "Accuracy against minibatches, unlabelled examples and features"
    figure = "metaplastic.figures.amounts"
    example: ClassVar[dict[str, Any]] = {
        "dataset": "digits",
        "batch_sizes": (8,),
        "amounts": (50, 5000),
        "features": (6,),
        "rivals": ("raw",),
    }
    Settings = AmountsSettings

    def cells(self) -> int:
        swept = self.swept()
        baselines = len(self._baselines()) * sum(len(swept[name]) for name in OF_BASELINES)
        return sum(map(len, swept.values())) + baselines

    def swept(self) -> dict[str, list[int]]:
        """The values of each sweep, rising, each once."""
        own = self.settings
        assert isinstance(own, AmountsSettings)
        there = len(self.context.problem(own.dataset).train)
        return {
            "batch_size": sorted(set(own.batch_sizes)),
            "unlabelled": sorted({min(amount, there) for amount in own.amounts}),
            "n_features": sorted(set(own.features)),
        }

    def _baselines(self) -> tuple[str, ...]:
        assert isinstance(self.settings, AmountsSettings)
        return known_baselines(self.settings.rivals)

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, AmountsSettings)
        usual = self.config(own.dataset)
        sweeps = {
            name: {
                "title": SWEEPS[name],
                "values": values,
                "usual": self._usual(name, usual),
                "methods": self._methods(name, values, usual),
            }
            for name, values in self.swept().items()
        }
        return {
            "seeds": list(usual.seed_list),
            "inner_steps": self.inner_steps(),
            "data": self.describe_data(own.dataset),
            "sweeps": sweeps,
        }

    def _usual(self, name: str, usual: FewShotConfig) -> int:
        """What the other sweeps have of it."""
        value = getattr(usual, name)
        return len(self.context.problem(usual.dataset).train) if value is None else value

    def _methods(self, name: str, values: list[int], usual: FewShotConfig) -> dict[str, Any]:
        points = (0, self.inner_steps())
        changes: list[dict[str, Any]] = [{name: value, "points": points} for value in values]
        configs = [self.config(usual.dataset, **change) for change in changes]
        curves = np.array([self.rule_curve(self.context.rule, config) for config in configs])
        found = {
            "rule": _entry(self.context.rule.plain, curves[..., -1]),
            "random": _entry("random network", curves[..., 0]),
        }
        if name not in OF_BASELINES:
            return found
        search = self.search(usual)
        for baseline in self._baselines():
            measured = [self.baseline(baseline, config, search) for config in configs]
            accuracy = np.array([entry["accuracy"] for entry in measured])
            found[baseline] = _entry(measured[0]["title"], accuracy)
        return found


def _entry(title: str, accuracy: np.ndarray) -> dict[str, Any]:
    """(values, seeds) accuracies with their means and standard errors."""
    return {
        "title": title,
        "accuracy": accuracy.tolist(),
        "summary": [results.mean_and_error(list(row)) for row in accuracy],
    }
