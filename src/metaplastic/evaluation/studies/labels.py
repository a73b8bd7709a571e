"""Study `labels`: accuracy against labelled examples per class, for all methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metaplastic.evaluation import results
from metaplastic.evaluation.baselines import Baseline, Encoder, LabelledBaseline
from metaplastic.evaluation.few_shot import (
    as_unlabelled,
    classifier_accuracy,
    fit_classifiers,
    reader,
)
from metaplastic.evaluation.inner_loop import run_inner_loop
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.study import (
    Count,
    Study,
    StudySettings,
    known_baselines,
    protocol_key,
)
from metaplastic.evaluation.trials import Trial, draw_labelled, draw_unlabelled, make_trials
from metaplastic.readout.ridge import readout_accuracy


class LabelsSettings(StudySettings):
    """Settings of study `labels`: features are fitted once per seed, the readout for each count."""

    dataset: str = Field("mnist@14", description="address of the data set")
    labels: tuple[Count, ...] = Field(
        (1, 2, 5, 10, 20, 50, 100),
        min_length=1,
        description="numbers of labelled examples per class",
    )
    baselines: tuple[str, ...] = Field(
        (), description="names of baselines; an empty list: all that are installed"
    )


class Labels(Study):
    """Measures one curve per method."""

    name = "labels"
    title = "Accuracy against labelled examples per class"
    figure = "metaplastic.figures.labels"
    example: ClassVar[dict[str, Any]] = {
        "dataset": "digits",
        "labels": (1, 3),
        "baselines": ("random", "supervised"),
    }
    Settings = LabelsSettings

    def cells(self) -> int:
        settings = self.settings
        assert isinstance(settings, LabelsSettings)
        return 2 + len(known_baselines(settings.baselines))

    def measure(self) -> dict[str, Any]:
        settings = self.settings
        assert isinstance(settings, LabelsSettings)
        baselines = known_baselines(settings.baselines)
        config = self.config(settings.dataset)
        search = self.search(config)
        counts = sorted(set(settings.labels))
        all_layers = config.model_copy(update={"layers": "all"})
        plain = self.context.rule.plain
        methods: dict[str, Any] = {
            "rule": {"title": plain, "curve": self._rule_curve(config, counts)},
            "rule-all": {
                "title": f"{plain}, all layers and inputs",
                "curve": self._rule_curve(all_layers, counts),
            },
        }
        for name in baselines:
            baseline, record = search.make(name, settings.dataset)
            methods[name] = {
                "title": baseline.title,
                "search": record,
                "curve": self._baseline_curve(baseline, config, counts),
            }
        for method in methods.values():
            columns = np.array([results.as_numbers(row) for row in method["curve"]]).T
            method["summary"] = [results.mean_and_error(list(column)) for column in columns]
        return {
            "seeds": list(config.seed_list),
            "data": self.describe_data(settings.dataset),
            "labels": counts,
            "methods": methods,
        }

    def _rule_curve(self, config: FewShotConfig, counts: list[int]) -> list[Any]:
        rule = self.context.rule
        key = {
            "labels": counts,
            "rule": rule.fingerprint,
            "inner_steps": config.inner_steps,
            **protocol_key(config),
        }

        def compute(seeds: Sequence[int]) -> list[Any]:
            problem = self.context.problem(config.dataset)
            trials = make_trials(seeds, problem.train.shape[1])
            unlabelled = draw_unlabelled(problem, config.unlabelled)
            loop = run_inner_loop(
                rule.rule,
                unlabelled,
                trials,
                (config.inner_steps,),
                hidden=config.hidden,
                n_features=config.n_features,
                batch_size=config.batch_size,
                progress=self.context.progress,
            )
            read = reader(unlabelled, config.layers)
            encoders = [read(network) for _, networks, _ in loop for network in networks]
            return _accuracies(encoders, problem, trials, counts)

        return self.measured(key, config.seed_list, compute)

    def _baseline_curve(
        self, baseline: Baseline, config: FewShotConfig, counts: list[int]
    ) -> list[Any]:
        config = self.for_baselines(config)
        key = {"labels": counts, **self.baseline_key(baseline, config)}

        def compute(seeds: Sequence[int]) -> list[Any]:
            problem = self.context.problem(config.dataset)
            trials = make_trials(seeds, problem.train.shape[1])
            unlabelled = as_unlabelled(problem, config)
            if not isinstance(baseline, LabelledBaseline):
                encoders = baseline.fit(unlabelled, trials, self.context.progress)
                return _accuracies(encoders, problem, trials, counts)
            curves = []
            for count in counts:
                rows = [draw_labelled(problem, trial.seed, count) for trial in trials]
                classifiers = fit_classifiers(
                    baseline, problem, unlabelled, trials, rows, self.context.progress
                )
                curves.append([classifier_accuracy(c, problem) for c in classifiers])
            return np.array(curves).T.tolist()

        return self.measured(key, config.seed_list, compute)


def _accuracies(
    encoders: Sequence[Encoder], problem: Problem, trials: Sequence[Trial], counts: Sequence[int]
) -> list[list[float]]:
    """Compute accuracies (trials, counts); every encoder transforms the test split once."""
    accuracies = []
    for encoder, trial in zip(encoders, trials, strict=True):
        test = encoder(problem.test)
        accuracies.append([_readout(encoder, test, problem, trial, count) for count in counts])
    return accuracies


def _readout(
    encoder: Encoder,
    test: NDArray[np.floating],
    problem: Problem,
    trial: Trial,
    count: int,
) -> float:
    rows = draw_labelled(problem, trial.seed, count)
    labels = problem.train_labels[rows]
    return readout_accuracy(
        encoder(problem.train[rows]), labels, test, problem.test_labels, problem.n_classes
    )
