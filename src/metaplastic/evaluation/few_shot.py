"""The few-shot protocol: fit features without labels, fit a readout on a few labels, test.

Every seed varies the labelled examples, the initial φ and the permutation of the inputs. Baselines
get the same unlabelled rows, the same labelled examples and the same readout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.evaluation import results
from metaplastic.evaluation.averaged import Averages, read_twice
from metaplastic.evaluation.baselines import (
    Baseline,
    Encoder,
    LabelledBaseline,
    Unlabelled,
    make_baseline,
)
from metaplastic.evaluation.inner_loop import Network, read_all_layers, run_inner_loop
from metaplastic.evaluation.named_rule import NamedRule, named_rule
from metaplastic.evaluation.problem import Problem, load_problem
from metaplastic.evaluation.protocol import FewShotConfig
from metaplastic.evaluation.trials import Trial, draw_labelled, draw_unlabelled, make_trials
from metaplastic.progress import Progress, silent
from metaplastic.readout.ridge import readout_accuracy
from metaplastic.rules import Rule

DEFAULT_BASELINES = ("random", "raw")


class Evaluation(NamedTuple):
    """Accuracies on the test split.

    curve: (seeds, points), after each of `points` inner steps. baselines: accuracies (seeds,) of
    each baseline, by name.
    """

    config: FewShotConfig
    rule: dict[str, Any]
    dataset: dict[str, Any]
    points: tuple[int, ...]
    curve: NDArray[np.float64]
    baselines: dict[str, NDArray[np.float64]]
    titles: dict[str, str]

    @property
    def final(self) -> NDArray[np.float64]:
        """Return the accuracies (seeds,) after the last inner step."""
        return self.curve[:, -1]

    def to_json(self) -> dict[str, Any]:
        """Return settings, versions, per-seed accuracies, means, errors and paired differences."""
        methods = {
            "rule": {
                "title": self.rule["label"],
                "points": list(self.points),
                "curve": self.curve.tolist(),
                "accuracy": self.final.tolist(),
                "curve_summary": [results.mean_and_error(list(c)) for c in self.curve.T],
                **results.mean_and_error(list(self.final)),
            }
        }
        for name, accuracy in self.baselines.items():
            methods[name] = {
                "title": self.titles[name],
                "accuracy": accuracy.tolist(),
                **results.mean_and_error(list(accuracy)),
                "paired": results.paired_difference(list(self.final), list(accuracy)),
            }
        return {
            "kind": "few-shot",
            "format": 1,
            "settings": self.config.model_dump(),
            "versions": results.versions(),
            "rule": self.rule,
            "dataset": self.dataset,
            "seeds": list(self.config.seed_list),
            "methods": methods,
        }


def evaluate(
    rule: Rule | NamedRule | str | Path,
    config: FewShotConfig | None = None,
    *,
    baselines: Sequence[str | Baseline] = DEFAULT_BASELINES,
    problem: Problem | None = None,
    data_dir: Path | str | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate a rule (an object, a file or a name) and baselines.

    problem: the data set of `config`, if it is already loaded. Raises `ConfigError`, `DataError`
    or `RuleFileError` for invalid arguments.
    """
    config = config or FewShotConfig()  # pyright: ignore[reportCallIssue]
    if isinstance(rule, Rule):
        rule = NamedRule(rule, rule.name, "", None, None, (), None)
    elif not isinstance(rule, NamedRule):
        rule = named_rule(rule)
    instances = [make_baseline(b) if isinstance(b, str) else b for b in baselines]
    progress(f"reading {config.dataset}")
    problem = problem or load_problem(config.dataset, data_dir)
    curve = rule_accuracies(rule.rule, problem, config, progress)
    scores = {b.name: baseline_accuracies(b, problem, config, progress) for b in instances}
    return Evaluation(
        config=config,
        rule=rule.describe(),
        dataset=describe_problem(problem),
        points=config.steps,
        curve=curve,
        baselines=scores,
        titles={b.name: b.title for b in instances},
    )


def describe_problem(problem: Problem) -> dict[str, Any]:
    """Describe a problem for results files."""
    return {
        "address": problem.address,
        "title": problem.title,
        "role": problem.role,
        "train": len(problem.train),
        "test": len(problem.test),
        "classes": problem.n_classes,
        "shape": list(problem.shape),
        "notes": list(problem.notes),
    }


def rule_accuracies(
    rule: Rule,
    problem: Problem,
    config: FewShotConfig,
    progress: Progress = silent,
    *,
    seeds: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Measure the test accuracy (seeds, points) of a rule's features along the inner loop.

    seeds: the seeds to run; by default all of the config's.
    """
    trials = _trials(problem, config, seeds)
    index = {trial.seed: i for i, trial in enumerate(trials)}
    steps = config.steps
    curve = np.full((len(trials), len(steps)), np.nan)
    unlabelled = draw_unlabelled(problem, config.unlabelled)
    labelled = _labelled_rows(problem, trials, config.labels_per_class)
    read = reader(unlabelled, config.layers, progress)
    loop = run_inner_loop(
        rule,
        unlabelled,
        trials,
        steps,
        hidden=config.hidden,
        n_features=config.n_features,
        activation=config.activation,
        model=config.model,
        batch_size=config.batch_size,
        progress=progress,
    )
    for point, networks, current in loop:
        for network, trial in zip(networks, current, strict=True):
            rows = labelled[index[trial.seed]]
            encoder = read(network)
            curve[index[trial.seed], steps.index(point)] = accuracy(encoder, problem, rows)
    return curve


def reader(
    unlabelled: NDArray[np.float32], layers: str, progress: Progress = silent
) -> Callable[[Network], Encoder]:
    """Return the function from a fitted network to an encoder that reads these layers of it."""
    if layers == "averaged":
        progress("nearest neighbours", 0, 1, "graphs")
        averages = Averages(unlabelled)
        return lambda network: read_twice(network, unlabelled, averages)
    if layers == "all":
        return lambda network: read_all_layers(network, unlabelled)
    return lambda network: network


def baseline_accuracies(
    baseline: Baseline,
    problem: Problem,
    config: FewShotConfig,
    progress: Progress = silent,
    *,
    seeds: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Measure the test accuracy (seeds,) of a baseline.

    seeds: the seeds to run; by default all of the config's.
    """
    progress(baseline.title)
    trials = _trials(problem, config, seeds)
    labelled = _labelled_rows(problem, trials, config.labels_per_class)
    unlabelled = as_unlabelled(problem, config)
    if isinstance(baseline, LabelledBaseline):
        classifiers = fit_classifiers(baseline, problem, unlabelled, trials, labelled, progress)
        return np.array([classifier_accuracy(c, problem) for c in classifiers])
    encoders = baseline.fit(unlabelled, trials, progress)
    return np.array(
        [accuracy(e, problem, rows) for e, rows in zip(encoders, labelled, strict=True)]
    )


def as_unlabelled(problem: Problem, config: FewShotConfig) -> Unlabelled:
    """Return the part of a problem that baselines may see."""
    return Unlabelled(
        draw_unlabelled(problem, config.unlabelled),
        config.hidden,
        config.n_features,
        config.activation,
        config.batch_size,
        problem.shape,
    )


def fit_classifiers(
    baseline: LabelledBaseline,
    problem: Problem,
    unlabelled: Unlabelled,
    trials: Sequence[Trial],
    labelled: Sequence[NDArray[np.int64]],
    progress: Progress = silent,
) -> list[Encoder]:
    """Fit a classifier for every trial on its labelled rows."""
    rows = np.stack([problem.train[chosen] for chosen in labelled])
    labels = np.stack([problem.train_labels[chosen] for chosen in labelled])
    return baseline.fit_labelled(unlabelled, rows, labels, problem.n_classes, trials, progress)


def accuracy(encoder: Encoder, problem: Problem, rows: NDArray[np.int64]) -> float:
    """Compute the readout's test accuracy on an encoder's features; `rows`: labelled examples."""
    return readout_accuracy(
        encoder(problem.train[rows]),
        problem.train_labels[rows],
        encoder(problem.test),
        problem.test_labels,
        problem.n_classes,
    )


def classifier_accuracy(classifier: Encoder, problem: Problem) -> float:
    """Compute the test accuracy of a classifier; NaN if its scores are not all finite."""
    scores = classifier(problem.test)
    if not np.all(np.isfinite(scores)):
        return float("nan")
    return float(np.mean(np.argmax(scores, axis=1) == problem.test_labels))


def _trials(problem: Problem, config: FewShotConfig, seeds: Sequence[int] | None) -> list[Trial]:
    seeds = config.seed_list if seeds is None else seeds
    return make_trials(seeds, problem.train.shape[1], permuted=config.permuted)


def _labelled_rows(
    problem: Problem, trials: Sequence[Trial], per_class: int
) -> list[NDArray[np.int64]]:
    return [draw_labelled(problem, trial.seed, per_class) for trial in trials]
