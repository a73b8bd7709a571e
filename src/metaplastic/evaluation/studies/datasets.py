"""Study `datasets` (figure 1, left): held-out data sets, the rule and all its rivals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from metaplastic.evaluation import results
from metaplastic.evaluation.studies.study import Study, StudySettings, known_rivals

DATASETS = (
    "mnist@14",
    "fashion_mnist@14",
    "digits",
    "cifar10@16",
    "imagenet@16",
    "mnist",
    "fashion_mnist",
    "cifar10",
    "imagenet@32",
)


class DatasetsSettings(StudySettings):
    """`datasets` by address; `rivals` by name, none for all. Those of `costly` (about ten minutes
    each on one core, at 32×32 in colour) are left out where an example has more than
    `costly_above` inputs; the results' notes say so."""

    datasets: tuple[str, ...] = Field(DATASETS, min_length=1)
    rivals: tuple[str, ...] = ()
    costly: tuple[str, ...] = ("dae", "kmeans-512")
    costly_above: int = Field(2000, ge=0)


class Datasets(Study):
    """Test accuracy on every data set, every method, every seed; paired differences."""

    name = "datasets"
    title = "Few-shot accuracy on held-out data sets"
    Settings = DatasetsSettings

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, DatasetsSettings)
        rivals = known_rivals(own.rivals)
        known_rivals(own.costly)
        search = self.search(self.config(own.datasets[0]))
        found: dict[str, Any] = {}
        for address in self.context.available(own.datasets):
            config = self.config(address)
            curve = self.rule_curve(self.context.rule, config)
            final = curve[:, -1].tolist()
            methods: dict[str, Any] = {
                "rule": {
                    "title": f"{self.context.rule.plain}, {config.inner_steps} steps",
                    "accuracy": final,
                    "points": list(config.steps),
                    "curve": curve.tolist(),
                    **results.mean_and_error(final),
                }
            }
            for name in self._affordable(rivals, address):
                rival = self.rival(name, config, search)
                methods[name] = {
                    **rival,
                    **results.mean_and_error(rival["accuracy"]),
                    "paired": results.paired_difference(final, rival["accuracy"]),
                }
            found[address] = {"data": self.describe_data(address), "methods": methods}
        return {"seeds": list(self.config(own.datasets[0]).seed_list), "datasets": found}

    def _affordable(self, rivals: Sequence[str], address: str) -> list[str]:
        own = self.settings
        assert isinstance(own, DatasetsSettings)
        inputs = self.context.problem(address).train.shape[1]
        left_out = [name for name in rivals if name in own.costly and inputs > own.costly_above]
        if left_out:
            self.context.notes.append(
                f"{address}: {', '.join(left_out)} left out, costly at {inputs:,} inputs "
                "(--set costly_above=N sets the limit)"
            )
        return [name for name in rivals if name not in left_out]
