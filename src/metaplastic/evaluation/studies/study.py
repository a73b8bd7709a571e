"""The interface of every study, and what studies share."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

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

LATER = {"layers": "last", "model": None, "permuted": True}  # settings that came later
PROTOCOL = 1  # raised when the protocol changes, so that numbers of an older one are not reused


class StudySettings(BaseModel):
    """Settings that every study has; those of one study are added in its own file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: int = Field(10, ge=1, description="how many seeds")
    labels_per_class: int = Field(10, ge=1, description="labelled examples per class")
    hidden: tuple[int, ...] = Field((128, 64), description="units of the hidden layers")
    n_features: int = Field(32, ge=1, description="units of the top layer")
    inner_steps: int | None = Field(
        None, ge=0, description="applications of the rule; null: the rule's own horizon"
    )
    batch_size: int | None = Field(
        None, ge=2, description="examples in an inner minibatch; null: the rule's own"
    )
    unlabelled: int | None = Field(
        None, ge=2, description="how many unlabelled examples are used; null: all"
    )


class Study(abc.ABC):
    """One question, one results file, one figure.

    `figure` is the module that draws it: see `metaplastic.figures`. The plain one draws results
    that hold `methods`. `example` are settings with which the study is done in seconds on data that
    come with the package, to try it by. `one_seed` marks a study that shows a single seed, for
    which `--seeds` is not meant.
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
        self.store = context.store(self.name)
        self._cells_done = 0

    @abc.abstractmethod
    def measure(self) -> dict[str, Any]:
        """The numbers, as JSON. Work done is kept in the store as it goes."""

    def forecast(self) -> str:
        """What a long study costs, before it begins; empty for the others."""
        return ""

    def cells(self) -> int | None:
        """How many cells it measures, where all its data are here; None: not known. What is shown
        of the time left follows from it."""
        return None

    def measured(self, key: dict[str, Any], seeds: Sequence[int], compute: Compute) -> list[Any]:
        """A cell's number for every seed: those that the store lacks are computed, which is
        reported as a part of the study."""

        def reported(missing: Sequence[int]) -> Sequence[Any]:
            done, total = self._cells_done, self.cells()
            if total is not None:
                done = min(done, total)
            self.context.progress(f"study {self.name}", done, total, "cells", job=True)
            return compute(missing)

        found = self.store.numbers(key, seeds, reported)
        self._cells_done += 1
        return found

    def run(self) -> dict[str, Any]:
        """Measure, and write `results/NAME.json`."""
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
        """Where the results go."""
        return self.context.results / f"{self.name}.json"

    def config(self, dataset: str, rule: NamedRule | None = None, **changes: Any) -> FewShotConfig:
        """The few-shot protocol for one data set; `changes` override the study's settings."""
        own, rule = self.settings, rule or self.context.rule
        values: dict[str, Any] = {
            "dataset": dataset,
            "labels_per_class": own.labels_per_class,
            "seeds": own.seeds,
            "hidden": own.hidden,
            "n_features": own.n_features,
            "batch_size": own.batch_size or rule.batch_size or DEFAULT_BATCH_SIZE,
            "inner_steps": self.inner_steps(rule),
            "unlabelled": own.unlabelled,
        }
        return settings(FewShotConfig, **(values | changes))

    def inner_steps(self, rule: NamedRule | None = None) -> int:
        """As set, or the horizon the rule was meta-trained to."""
        if self.settings.inner_steps is not None:
            return self.settings.inner_steps
        return inner_steps_of(rule or self.context.rule)

    def rule_curve(self, rule: NamedRule, config: FewShotConfig) -> NDArray[np.float64]:
        """(seeds, points): accuracies along the inner loop, from the store where they are there."""
        key = {"rule": rule.fingerprint, "points": list(config.steps), **protocol_key(config)}
        found = self.measured(
            key,
            config.seed_list,
            lambda seeds: rule_accuracies(
                rule.rule,
                self.context.problem(config.dataset),
                config,
                self.context.progress,
                seeds=seeds,
            ).tolist(),
        )
        return np.array([results.as_numbers(curve, len(config.steps)) for curve in found])

    def baseline(self, name: str, config: FewShotConfig, search: Search) -> dict[str, Any]:
        """A baseline's accuracies by seed, its settings and the search that chose them."""
        config = self.for_baselines(config)
        baseline, record = search.make(name, config.dataset)
        found = self.measured(
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
            "accuracy": results.as_numbers(found),
        }

    def baseline_key(self, baseline: Baseline, config: FewShotConfig) -> dict[str, Any]:
        """The name of a baseline's cell: nothing in it depends on the rule."""
        return {
            "baseline": baseline.name,
            "settings": baseline.settings.model_dump(mode="json"),
            **protocol_key(self.for_baselines(config)),
        }

    def for_baselines(self, config: FewShotConfig) -> FewShotConfig:
        """The protocol without anything that depends on the rule, which baselines never see."""
        batch_size = self.settings.batch_size or DEFAULT_BATCH_SIZE
        return config.model_copy(update={"batch_size": batch_size, "layers": "last", "model": None})

    def search(self, config: FewShotConfig) -> Search:
        """The hyperparameter search of all baselines, shared by all studies."""
        return Search(
            self.context.store("search"),
            self.for_baselines(config),
            data_dir=self.context.data_dir,
            progress=self.context.progress,
        )

    def describe_data(self, address: str) -> dict[str, Any]:
        """The data set, and whether the rule was meta-trained on another part of it."""
        described = describe_problem(self.context.problem(address))
        trained = {name.split("@")[0] for name in self.context.rule.training_data}
        return {**described, "meta_trained_on": address.split("@")[0] in trained}


def protocol_key(config: FewShotConfig) -> dict[str, Any]:
    """What of a protocol determines a seed's number: everything but how many seeds there are."""
    varied = {"seeds", "first_seed", "inner_steps", "points"}
    # as before there was a choice: numbers kept then stay good
    varied |= {name for name, usual in LATER.items() if getattr(config, name) == usual}
    return {"protocol": PROTOCOL, **config.model_dump(mode="json", exclude=varied)}


def known_baselines(names: Sequence[str]) -> tuple[str, ...]:
    """The baselines named, or, if none is, all that are installed, except those that use the
    positions of pixels, which permuted inputs hide from the rule."""
    for name in names:
        BASELINES.check(name)
    return tuple(names) or tuple(
        name for name, b in BASELINES.items() if b.installed() and not b.spatial
    )
