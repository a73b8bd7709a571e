"""Cells of study `domains`: each method's accuracies on one data set, cached seed by seed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaplastic.evaluation import results
from metaplastic.evaluation.baselines import Baseline, LabelledBaseline
from metaplastic.evaluation.by_labels import classified, read
from metaplastic.evaluation.few_shot import as_unlabelled
from metaplastic.evaluation.inner_loop import read_all_layers, run_inner_loop
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.studies.study import Study, protocol_key
from metaplastic.evaluation.tables import fingerprint
from metaplastic.evaluation.trials import make_trials

RULE = {"rule": "learned rule, last layer", "rule-all": "learned rule, all layers and inputs"}


@dataclass(frozen=True)
class Cells:
    """The cells of one data set in the store of `study`.

    counts: numbers of labelled examples per class; readouts: names of the readouts of features.
    """

    study: Study
    problem: Problem
    counts: Sequence[int]
    readouts: Sequence[str]

    def rule(self) -> dict[str, Any]:
        """Measure both readings of the rule's networks from one inner loop."""
        rule, problem = self.study.context.rule, self.problem
        config = self.study.config(problem.address)

        def compute(seeds: Sequence[int]) -> list[Any]:
            trials = make_trials(seeds, problem.train.shape[1])
            start = time.process_time()
            loop = run_inner_loop(
                rule.rule,
                problem.train,
                trials,
                (config.inner_steps,),
                hidden=config.hidden,
                n_features=config.n_features,
                activation=config.activation,
                batch_size=config.batch_size,
                progress=self.study.context.progress,
            )
            networks = [network for _, fitted, _ in loop for network in fitted]
            seconds = (time.process_time() - start) / len(trials)
            return [
                {
                    "seconds": seconds,
                    "rule": read(network, problem, trial, self.counts, self.readouts),
                    "rule-all": read(
                        read_all_layers(network, problem.train),
                        problem,
                        trial,
                        self.counts,
                        self.readouts,
                    ),
                }
                for network, trial in zip(networks, trials, strict=True)
            ]

        cells = self.study.measured(self.rule_key(), config.seed_list, compute)
        return {
            name: _entry([{"seconds": c["seconds"], "accuracy": c[name]} for c in cells], {})
            for name in RULE
        }

    def baseline(
        self, baseline: Baseline, record: Mapping[str, Any], *, uses_rule: bool
    ) -> dict[str, Any]:
        """Measure a baseline's accuracies; `record`: the search that chose its settings."""
        problem = self.problem
        config = self.study.for_baselines(self.study.config(problem.address))
        key = self.baseline_key(baseline, uses_rule=uses_rule)

        def compute(seeds: Sequence[int]) -> list[Any]:
            self.study.context.progress(f"{problem.address}: {baseline.title}")
            trials = make_trials(seeds, problem.train.shape[1])
            if isinstance(baseline, LabelledBaseline):
                unlabelled = as_unlabelled(problem, config)
                return classified(baseline, problem, unlabelled, trials, self.counts)
            start = time.process_time()
            encoders = baseline.fit(as_unlabelled(problem, config), trials)
            seconds = (time.process_time() - start) / len(trials)
            return [
                {
                    "seconds": seconds,
                    "accuracy": read(encoder, problem, trial, self.counts, self.readouts),
                }
                for encoder, trial in zip(encoders, trials, strict=True)
            ]

        return _entry(self.study.measured(key, config.seed_list, compute), record)

    def rule_key(self) -> dict[str, Any]:
        """Return the key of the cell of the rule, which holds both readings."""
        config = self.study.config(self.problem.address)
        fingerprint = self.study.context.rule.fingerprint
        return {"rule": fingerprint, "inner_steps": config.inner_steps, **self._key(config)}

    def baseline_key(self, baseline: Baseline, *, uses_rule: bool) -> dict[str, Any]:
        """Return the key of the cell of a baseline."""
        key = {
            "baseline": baseline.name,
            "settings": baseline.settings.model_dump(mode="json"),
            **self._key(self.study.for_baselines(self.study.config(self.problem.address))),
        }
        if uses_rule:
            key["rule"] = self.study.context.rule.fingerprint
        return key

    def _key(self, config: FewShotConfig) -> dict[str, Any]:
        """Return the part of a cell's key besides the method."""
        return {
            "domains": 1,
            "rows": fingerprint(self.problem),
            "labels": list(self.counts),
            "readouts": list(self.readouts),
            **protocol_key(config.model_copy(update={"labels_per_class": 1})),
        }


def _entry(cells: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> dict[str, Any]:
    """Build an entry with `accuracy` by readout: a list over seeds for every number of labels."""
    accuracy = {
        readout: np.array([results.as_numbers(c["accuracy"][readout]) for c in cells]).T.tolist()
        for readout in cells[0]["accuracy"]
    }
    summary = {
        readout: [results.mean_and_error(results.as_numbers(column)) for column in columns]
        for readout, columns in accuracy.items()
    }
    seconds = float(np.median([cell["seconds"] for cell in cells]))
    entry = {"seconds": seconds, "accuracy": accuracy, "summary": summary}
    return {**entry, "search": dict(record)} if record else entry
