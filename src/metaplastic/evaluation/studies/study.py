"""The interface of studies, and the code that they share."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from metaplastic import data
from metaplastic.evaluation import results
from metaplastic.evaluation.baselines import BASELINES, Baseline
from metaplastic.evaluation.few_shot import (
    baseline_accuracies,
    describe_problem,
    rule_accuracies,
)
from metaplastic.evaluation.named_rule import (
    DEFAULT_BATCH_SIZE,
    NamedRule,
    inner_steps_of,
)
from metaplastic.evaluation.protocol import FewShotConfig, settings
from metaplastic.evaluation.search import Search
from metaplastic.evaluation.store import Compute
from metaplastic.evaluation.studies.context import Context
from metaplastic.settings import SettingsModel

# settings added after the first cells were written; their defaults are left out of keys
LATER = {"layers": "last", "model": None, "permuted": True}
Count = Annotated[int, Field(ge=1)]
PROTOCOL = 1  # increased when the protocol changes, so that older numbers are not reused


class StudySettings(SettingsModel):
    """Settings of every study; each study adds its own in its file."""

    seeds: int = Field(10, ge=1, description="number of seeds")
    labels_per_class: int = Field(10, ge=1, description="labelled examples per class")
    hidden: tuple[Count, ...] = Field((128, 64), description="units of the hidden layers")
    n_features: int = Field(32, ge=1, description="units of the top layer")
    inner_steps: int | None = Field(
        None, ge=0, description="applications of the rule; null: the rule's own horizon"
    )
    batch_size: int | None = Field(
        None, ge=2, description="examples in an inner minibatch; null: the rule's own"
    )
    unlabelled: int | None = Field(
        None, ge=2, description="number of unlabelled examples used; null: all"
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_former_names(cls, values: Any) -> Any:
        """Read `rivals`, the former name of `baselines`, which older results files hold."""
        if isinstance(values, dict) and "rivals" in values and "baselines" in cls.model_fields:
            values = {"baselines": values["rivals"], **values}
            del values["rivals"]
        return values


class Study(abc.ABC):
    """One question, one results file, one figure.

    `figure` is the module that draws the figure (see `metaplastic.figures`); the default one draws
    results that hold `methods`. `example` are settings for trying the study out, with which it
    takes seconds on data that come with the package. `one_seed` marks a study of a single seed,
    which does not accept `--seeds`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    figure: ClassVar[str] = "metaplastic.figures.plain"
    example: ClassVar[dict[str, Any]] = {}
    one_seed: ClassVar[bool] = False
    Settings: ClassVar[type[StudySettings]] = StudySettings
    needs_run: ClassVar[bool] = False

    def __init__(self, context: Context, **chosen: Any) -> None:
        self.context = context
        self.settings = settings(self.Settings, **chosen)
        self.check_data_sets()
        self.store = context.store(self.name)
        self._cells_done = 0

    def check_data_sets(self) -> None:
        """Refuse a data set that is not known, before any is measured. Raises `DataError` or
        `ConfigError`; whether its files are there is found when it is loaded."""
        for address in _addresses(self.settings):
            data.check_address(address)

    @abc.abstractmethod
    def measure(self) -> dict[str, Any]:
        """Measure and return the numbers, as JSON; results are cached in the store on the way."""

    def forecast(self) -> str:
        """Describe the cost of a long study before it starts; empty for other studies."""
        return ""

    def cells(self) -> int | None:
        """Return how many cells the study measures if all its data are available, from which the
        remaining time is estimated; None if unknown."""
        return None

    def measured(self, key: dict[str, Any], seeds: Sequence[int], compute: Compute) -> list[Any]:
        """Return a cell's number for every seed. Numbers missing in the store are computed and
        reported as progress of the study."""

        def reported(missing: Sequence[int]) -> Sequence[Any]:
            done, total = self._cells_done, self.cells()
            if total is not None:
                done = min(done, total)
            self.context.progress(f"study {self.name}", done, total, "cells", job=True)
            return compute(missing)

        numbers = self.store.numbers(key, seeds, reported)
        self._cells_done += 1
        return numbers

    def run(self) -> dict[str, Any]:
        """Measure, write `results/NAME.json` and return its content."""
        self.context.notes.clear()
        data = self.measure()
        content = {
            "kind": "study",
            "study": self.name,
            "title": self.title,
            "format": 1,
            "settings": self.settings.model_dump(mode="json"),
            "versions": results.versions(),
            "rule": self.context.rule.describe(),
            "notes": list(self.context.notes),
            **data,
        }
        results.write_json(self.path, content)
        return content

    @property
    def path(self) -> Path:
        """Return the path of the results file."""
        return self.context.results / f"{self.name}.json"

    def config(self, dataset: str, rule: NamedRule | None = None, **changes: Any) -> FewShotConfig:
        """Return the few-shot protocol for a data set; `changes` override the study's settings."""
        rule = rule or self.context.rule
        values: dict[str, Any] = {
            "dataset": dataset,
            "labels_per_class": self.settings.labels_per_class,
            "seeds": self.settings.seeds,
            "hidden": self.settings.hidden,
            "n_features": self.settings.n_features,
            "batch_size": self.settings.batch_size or rule.batch_size or DEFAULT_BATCH_SIZE,
            "inner_steps": self.inner_steps(rule),
            "unlabelled": self.settings.unlabelled,
        }
        return settings(FewShotConfig, **(values | changes))

    def inner_steps(self, rule: NamedRule | None = None) -> int:
        """Return the number of inner steps as set, or the horizon of the rule's meta-training."""
        if self.settings.inner_steps is not None:
            return self.settings.inner_steps
        return inner_steps_of(rule or self.context.rule)

    def rule_curve(self, rule: NamedRule, config: FewShotConfig) -> NDArray[np.float64]:
        """Return accuracies (seeds, points) along the inner loop, cached ones from the store."""
        curves = self.measured(
            self.rule_key(rule.fingerprint, config),
            config.seed_list,
            lambda seeds: rule_accuracies(
                rule.rule,
                self.context.problem(config.dataset),
                config,
                self.context.progress,
                seeds=seeds,
            ).tolist(),
        )
        return np.array([results.as_numbers(curve, len(config.steps)) for curve in curves])

    @staticmethod
    def rule_key(fingerprint: str, config: FewShotConfig) -> dict[str, Any]:
        """Return the key of the cell of a rule's curve."""
        return {"rule": fingerprint, "points": list(config.steps), **protocol_key(config)}

    def baseline(self, name: str, config: FewShotConfig, search: Search) -> dict[str, Any]:
        """Measure a baseline: accuracies by seed, settings, and the search that chose them."""
        config = self.for_baselines(config)
        baseline, record = search.make(name, config.dataset)
        accuracies = self.measured(
            self.baseline_key(baseline, config),
            config.seed_list,
            lambda seeds: baseline_accuracies(
                baseline,
                self.context.problem(config.dataset),
                config,
                self.context.progress,
                seeds=seeds,
            ).tolist(),
        )
        return {
            "title": baseline.title,
            "settings": baseline.settings.model_dump(mode="json"),
            "search": record,
            "accuracy": results.as_numbers(accuracies),
        }

    def baseline_key(self, baseline: Baseline, config: FewShotConfig) -> dict[str, Any]:
        """Return the key of a baseline's cell, which does not depend on the rule."""
        return {
            "baseline": baseline.name,
            "settings": baseline.settings.model_dump(mode="json"),
            **protocol_key(self.for_baselines(config)),
        }

    def for_baselines(self, config: FewShotConfig) -> FewShotConfig:
        """Return the protocol without anything that depends on the rule."""
        batch_size = self.settings.batch_size or DEFAULT_BATCH_SIZE
        return config.model_copy(update={"batch_size": batch_size, "layers": "last", "model": None})

    def search(self, config: FewShotConfig) -> Search:
        """Return the hyperparameter search of all baselines, shared by all studies."""
        return Search(
            self.context.store("search"),
            self.for_baselines(config),
            data_dir=self.context.data_dir,
            progress=self.context.progress,
        )

    def describe_data(self, address: str) -> dict[str, Any]:
        """Describe a data set, and whether the rule was meta-trained on another part of it."""
        described = describe_problem(self.context.problem(address))
        trained = {name.split("@")[0] for name in self.context.rule.training_data}
        return {**described, "meta_trained_on": address.split("@")[0] in trained}


def _addresses(chosen: StudySettings) -> tuple[str, ...]:
    """Return the addresses of data sets among a study's settings."""
    one = getattr(chosen, "dataset", None)
    return (one,) if one is not None else getattr(chosen, "datasets", ())


def protocol_key(config: FewShotConfig) -> dict[str, Any]:
    """Return the part of a protocol that determines a seed's number: all but which seeds run."""
    excluded = {"seeds", "first_seed", "inner_steps", "points"}
    # at their defaults, newer settings keep the keys of cells written before they existed
    excluded |= {name for name, default in LATER.items() if getattr(config, name) == default}
    return {"protocol": PROTOCOL, **config.model_dump(mode="json", exclude=excluded)}


def known_baselines(names: Sequence[str]) -> tuple[str, ...]:
    """Return the named baselines. Without names, return all installed ones except those that use
    pixel positions, which permuted inputs hide from the rule. Raises `ConfigError` for an unknown
    name."""
    for name in names:
        BASELINES.check(name)
    return tuple(names) or tuple(
        name for name, b in BASELINES.items() if b.installed() and not b.spatial
    )
