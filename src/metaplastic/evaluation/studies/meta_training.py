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

KEPT = 300  # points of the loss that the results hold


class MetaTrainingSettings(StudySettings):
    """`rungs` of the run's ladder are evaluated on each data set."""

    datasets: tuple[str, ...] = Field(
        ("mnist@14", "fashion_mnist@14", "digits"),
        min_length=1,
        description="addresses of the data sets",
    )
    rungs: int = Field(8, ge=1, description="most rules of the run's ladder")


class MetaTraining(Study):
    """Loss from the run's own record; accuracies of the rules that it kept."""

    name = "meta-training"
    title = "Along a run of meta-training"
    figure = "metaplastic.figures.meta_training"
    example: ClassVar[dict[str, Any]] = {"datasets": ("digits",), "rungs": 3}
    Settings = MetaTrainingSettings
    needs_run = True

    def cells(self) -> int:
        own = self.settings
        assert isinstance(own, MetaTrainingSettings)
        return len(own.datasets) * len(self.context.ladder(own.rungs))

    def measure(self) -> dict[str, Any]:
        own = self.settings
        assert isinstance(own, MetaTrainingSettings)
        run = self.context.run
        if run is None:
            raise RunError(
                f"{self.context.rule.name} does not lie in a run directory; give a run, or a rule "
                "file inside one: --rule runs/NAME"
            )
        runs = stages_of(run)
        loss = read_loss(*runs, warn=self.context.notes.append)
        objectives = dict.fromkeys(read_config(path).objective.describe() for path in runs)
        ladder = [*self.context.start(), *self.context.ladder(own.rungs)]
        found = {}
        for address in self.context.available(own.datasets):
            config = self.config(address, points=(0, self.inner_steps()))
            curves = [curve_of(rule, self.rule_curve(rule, config), config) for rule in ladder]
            found[address] = {"data": self.describe_data(address), "curves": curves}
        return {
            "seeds": list(self.config(own.datasets[0]).seed_list),
            "run": run.name,
            "inner_steps": self.inner_steps(),
            "objective": "; ".join(objectives),  # of the stages, in their order
            "loss": loss,
            "datasets": found,
        }


def read_loss(*runs: Path, warn: Callable[[str], None]) -> dict[str, list[Any]]:
    """Meta-steps and losses of one run, or of stages one after another, and the meta-objective that
    each loss is of; averaged over equal stretches where there are many. Losses that are not finite
    are left out; `warn` is called with how many lines could not be read. Raises `RunError` where
    there is no record."""
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
        raise RunError(f"{runs[-1]} has no record of its loss yet")
    found: dict[str, list[Any]] = {"meta_step": [], "loss": [], "objective": []}
    for objective, group in itertools.groupby(range(len(steps)), key=lambda i: objectives[i]):
        own = np.array(list(group))
        parts = max(1, min(len(own), round(KEPT * len(own) / len(steps))))
        for part in np.array_split(own, parts):
            found["meta_step"].append(float(np.mean([steps[i] for i in part])))
            found["loss"].append(float(np.mean([losses[i] for i in part])))
            found["objective"].append(objective)
    return found


@functools.cache
def _objective_of(run: Path) -> str:
    """The name of a run's meta-objective; empty where its settings cannot be read."""
    try:
        return read_config(run).objective.name
    except MetaplasticError:
        return ""
