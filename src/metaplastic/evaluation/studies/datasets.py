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
READINGS = {
    "last": "",
    "all": ", all layers and inputs",
    "averaged": ", all layers and inputs, also averaged over neighbours",
}


class DatasetsSettings(StudySettings):
    """`datasets` are addresses, `baselines` names (none: all). `layers` are the readings of the
    rule, `last`, `all` or `averaged`; paired differences refer to the last one named. `left_out`
    are pairs ADDRESS:BASELINE that are not measured, which the results note: the default ones cost
    ten minutes to an hour each on one core; `left_out=none` measures them too."""

    datasets: tuple[str, ...] = Field(
        DATASETS, min_length=1, description="addresses of the data sets"
    )
    baselines: tuple[str, ...] = Field(
        (), description="names of baselines; an empty list: all that are installed"
    )
    layers: tuple[Literal["last", "all", "averaged"], ...] = Field(
        ("last", "all"),
        min_length=1,
        description="layers that the rule is read at: the last one, all with the inputs, or these "
        "also of rows averaged over neighbours; paired differences refer to the last one named",
    )
    left_out: tuple[str, ...] = Field(
        LEFT_OUT, description="pairs ADDRESS:BASELINE that are not measured because of their cost"
    )


def reference_of(datasets: Mapping[str, Any]) -> str:
    """Return the method that paired differences refer to: the one without a difference itself."""
    methods = next(iter(datasets.values()))["methods"]
    return next((name for name, entry in methods.items() if "paired" not in entry), "rule")


class Datasets(Study):
    """Measures test accuracy for every data set, method and seed, and paired differences."""

    name = "datasets"
    title = "Few-shot accuracy on held-out data sets"
    figure = "metaplastic.figures.datasets"
    example: ClassVar[dict[str, Any]] = {
        "datasets": ("digits",),
        "baselines": ("random", "raw", "pca"),
    }
    Settings = DatasetsSettings

    def cells(self) -> int:
        settings = self.settings
        assert isinstance(settings, DatasetsSettings)
        baselines = known_baselines(settings.baselines)
        left_out = sum(
            f"{a}:{name}" in settings.left_out for a in settings.datasets for name in baselines
        )
        return len(settings.datasets) * (len(settings.layers) + len(baselines)) - left_out

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, DatasetsSettings)
        baselines = known_baselines(settings.baselines)
        search = self.search(self.config(settings.datasets[0]))
        datasets: dict[str, Any] = {}
        for address in self.context.available(settings.datasets):
            config = self.config(address)
            methods: dict[str, Any] = {}
            for layers in settings.layers:
                methods |= self._rule(config, layers)
            reference = list(methods)[-1]
            for name in self._measured(baselines, address):
                measured = self.baseline(name, config, search)
                methods[name] = {**measured, **results.mean_and_error(measured["accuracy"])}
            final = methods[reference]["accuracy"]
            for name, entry in methods.items():
                if name != reference:
                    entry["paired"] = results.paired_difference(final, entry["accuracy"])
            datasets[address] = {"data": self.describe_data(address), "methods": methods}
        content = {"seeds": list(self.config(settings.datasets[0]).seed_list), "datasets": datasets}
        return {**content, "reference": reference_of(datasets)}

    def _rule(self, config: FewShotConfig, layers: str) -> dict[str, Any]:
        """Measure the rule: `rule` by its last layer with its curve along the inner loop, or
        `rule-all` by all layers, `rule-averaged` by all layers also of averages."""
        title = f"{self.context.rule.plain}, {config.inner_steps} steps{READINGS[layers]}"
        if layers != "last":
            config = config.model_copy(update={"layers": layers, "points": (config.inner_steps,)})
        curve = self.rule_curve(self.context.rule, config)
        final = curve[:, -1].tolist()
        entry = {
            "title": title,
            "accuracy": final,
            "points": list(config.steps),
            "curve": curve.tolist(),
            **results.mean_and_error(final),
        }
        return {"rule" if layers == "last" else f"rule-{layers}": entry}

    def _measured(self, baselines: Sequence[str], address: str) -> list[str]:
        settings = self.settings
        assert isinstance(settings, DatasetsSettings)
        missing = [name for name in baselines if f"{address}:{name}" in settings.left_out]
        if missing:
            self.context.notes.append(
                f"{address}: {', '.join(missing)} not measured because of the cost; "
                "--set left_out=none measures them too"
            )
        return [name for name in baselines if name not in missing]
