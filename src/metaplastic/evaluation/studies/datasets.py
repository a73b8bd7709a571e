"""Study `datasets` (figure 1, left): held-out data sets, the rule and all baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from metaplastic.evaluation import results
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.study import Study, StudySettings, known_baselines

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
LEFT_OUT = (
    "cifar10:kmeans-512",
    "imagenet@32:supervised",
    "imagenet@32:dae",
    "imagenet@32:kmeans-512",
)


class DatasetsSettings(StudySettings):
    """`datasets` by address; `rivals` by name, none for all. `layers` are those the rule is read
    at, `last` or `all`; differences are taken from the last one named. `left_out` are pairs
    ADDRESS:RIVAL that are not measured, which the results' notes say: those of the default cost
    five to ten minutes each on one core; `left_out=none` has them measured."""

    datasets: tuple[str, ...] = Field(
        DATASETS, min_length=1, description="addresses of the data sets"
    )
    rivals: tuple[str, ...] = Field(
        (), description="baselines by name; an empty list: all that are installed"
    )
    layers: tuple[Literal["last", "all"], ...] = Field(
        ("last", "all"),
        min_length=1,
        description="what the rule is read at: its last layer, all layers with the inputs; "
        "differences are taken from the last one named",
    )
    left_out: tuple[str, ...] = Field(
        LEFT_OUT, description="pairs ADDRESS:BASELINE that are not measured, for their cost"
    )


def reference_of(datasets: Mapping[str, Any]) -> str:
    """The reading of the rule that differences are taken from: the one that has none itself."""
    methods = next(iter(datasets.values()))["methods"]
    return next((name for name, entry in methods.items() if "paired" not in entry), "rule")


class Datasets(Study):
    """Test accuracy on every data set, every method, every seed; paired differences."""

    name = "datasets"
    title = "Few-shot accuracy on held-out data sets"
    figure = "metaplastic.figures.datasets"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "rivals": ("random", "raw", "pca"),
    }
    Settings = DatasetsSettings

    def cells(self) -> int:
        own = self.settings
        assert isinstance(own, DatasetsSettings)
        rivals = known_baselines(own.rivals)
        left_out = sum(f"{a}:{name}" in own.left_out for a in own.datasets for name in rivals)
        return len(own.datasets) * (len(own.layers) + len(rivals)) - left_out

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, DatasetsSettings)
        baselines = known_baselines(own.rivals)
        search = self.search(self.config(own.datasets[0]))
        found: dict[str, Any] = {}
        for address in self.context.available(own.datasets):
            config = self.config(address)
            methods: dict[str, Any] = {}
            for layers in own.layers:
                methods |= self._rule(config, layers)
            reference = list(methods)[-1]
            for name in self._measured(baselines, address):
                measured = self.baseline(name, config, search)
                methods[name] = {**measured, **results.mean_and_error(measured["accuracy"])}
            final = methods[reference]["accuracy"]
            for name, entry in methods.items():
                if name != reference:
                    entry["paired"] = results.paired_difference(final, entry["accuracy"])
            found[address] = {"data": self.describe_data(address), "methods": methods}
        content = {"seeds": list(self.config(own.datasets[0]).seed_list), "datasets": found}
        return {**content, "reference": reference_of(found)}

    def _rule(self, config: FewShotConfig, layers: str) -> dict[str, Any]:
        """The rule's entry: `rule` by its last layer, with its curve along the inner loop, or
        `rule-all`."""
        what = f"{self.context.rule.plain}, {config.inner_steps} steps"
        if layers == "all":
            what += ", all layers and inputs"
            config = config.model_copy(update={"layers": "all", "points": (config.inner_steps,)})
        curve = self.rule_curve(self.context.rule, config)
        final = curve[:, -1].tolist()
        entry = {
            "title": what,
            "accuracy": final,
            "points": list(config.steps),
            "curve": curve.tolist(),
            **results.mean_and_error(final),
        }
        return {"rule-all" if layers == "all" else "rule": entry}

    def _measured(self, baselines: Sequence[str], address: str) -> list[str]:
        own = self.settings
        assert isinstance(own, DatasetsSettings)
        missing = [name for name in baselines if f"{address}:{name}" in own.left_out]
        if missing:
            self.context.notes.append(
                f"{address}: {', '.join(missing)} not measured, being costly; "
                "--set left_out=none has them measured"
            )
        return [name for name in baselines if name not in missing]
