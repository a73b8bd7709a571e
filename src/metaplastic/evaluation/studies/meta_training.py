"""Study `meta-training`: the meta-loss, and held-out accuracy, along a run."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from metaplastic.errors import MetaplasticError, RunError
from metaplastic.evaluation.named_rule import stages_of
from metaplastic.evaluation.studies.curves import curve_of
from metaplastic.evaluation.studies.study import Study, StudySettings
from metaplastic.meta.run.metrics import read_metrics
from metaplastic.meta.run.run_dir import read_config

LOSS_POINTS = 300  # most points of the loss curve in the results


class MetaTrainingSettings(StudySettings):
    """`rungs` rules along the run are evaluated on each data set."""

    datasets: tuple[str, ...] = Field(
        ("mnist@14", "fashion_mnist@14", "digits"),
        min_length=1,
        description="addresses of the data sets",
    )
    rungs: int = Field(8, ge=1, description="maximum number of rules along the run")


class MetaTraining(Study):
    """Reads the loss from the run's metrics; measures the accuracy of rules saved along it."""

    name = "meta-training"
    title = "Along a run of meta-training"
    figure = "metaplastic.figures.meta_training"
    example: ClassVar[dict[str, Any]] = {"datasets": ("digits",), "rungs": 3}
    Settings = MetaTrainingSettings
    needs_run = True

    def cells(self) -> int:
        settings = self.settings
        assert isinstance(settings, MetaTrainingSettings)
        return len(settings.datasets) * len(self.context.ladder(settings.rungs))

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, MetaTrainingSettings)
        run = self.context.run
        if run is None:
            raise RunError(
                f"{self.context.rule.name} is not in a run directory; give a run or a rule file in "
                "one, for example --rule runs/NAME"
            )
        runs = stages_of(run)
        loss = read_loss(*runs, warn=self.context.notes.append)
        objectives = dict.fromkeys(read_config(path).objective.describe() for path in runs)
        ladder = [*self.context.start(), *self.context.ladder(settings.rungs)]
        datasets = {}
        for address in self.context.available(settings.datasets):
            config = self.config(address, points=(0, self.inner_steps()))
            curves = [curve_of(rule, self.rule_curve(rule, config), config) for rule in ladder]
            datasets[address] = {"data": self.describe_data(address), "curves": curves}
        return {
            "seeds": list(self.config(settings.datasets[0]).seed_list),
            "run": run.name,
            "inner_steps": self.inner_steps(),
            "objective": "; ".join(objectives),  # of the stages, in their order
            "loss": loss,
            "datasets": datasets,
        }


def read_loss(*runs: Path, warn: Callable[[str], None]) -> dict[str, list[Any]]:
    """Read meta-steps, losses and the meta-objective of each loss, of one run or of consecutive
    stages; averaged over equal intervals if there are many. Losses that are not finite are left
    out; `warn` is called with a message if lines could not be read. Raises `RunError` if no loss is
    recorded."""
    steps: list[int] = []
    losses: list[float] = []
    objectives: list[str] = []
    done = 0
    for run in runs:
        lines = read_metrics(run, warn)
        for line in lines:
            if np.isfinite(line["loss"]):
                steps.append(done + line["meta_step"])
                losses.append(line["loss"])
                objectives.append(_objective_of(run))
        done += lines[-1]["meta_step"] if lines else 0
    if not losses:
        raise RunError(f"{runs[-1]} has no recorded loss yet")
    curve: dict[str, list[Any]] = {"meta_step": [], "loss": [], "objective": []}
    for objective, group in itertools.groupby(range(len(steps)), key=lambda i: objectives[i]):
        indices = np.array(list(group))
        intervals = max(1, min(len(indices), round(LOSS_POINTS * len(indices) / len(steps))))
        for interval in np.array_split(indices, intervals):
            curve["meta_step"].append(float(np.mean([steps[i] for i in interval])))
            curve["loss"].append(float(np.mean([losses[i] for i in interval])))
            curve["objective"].append(objective)
    return curve


@functools.cache
def _objective_of(run: Path) -> str:
    """Return the name of a run's meta-objective; empty if its settings cannot be read."""
    try:
        return read_config(run).objective.name
    except MetaplasticError:
        return ""
