"""Accuracies on one problem for several numbers of labels per class, with features encoded once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.blas import one_thread_per_product
from metaplastic.evaluation.baselines import Encoder, LabelledBaseline, Unlabelled
from metaplastic.evaluation.few_shot import classifier_accuracy, fit_classifiers
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.standings import OWN
from metaplastic.evaluation.trials import Trial, draw_labelled
from metaplastic.readout import logistic
from metaplastic.readout.ridge import readout_accuracy


def read(
    encoder: Encoder,
    problem: Problem,
    trial: Trial,
    counts: Sequence[int],
    readouts: Sequence[str],
) -> dict[str, list[float]]:
    """Return, for each readout (`ridge`, `logistic`), an accuracy for each of `counts`."""
    drawn = [draw_labelled(problem, trial.seed, count) for count in counts]
    union = np.unique(np.concatenate(drawn))
    labelled, test = encoder(problem.train[union]), encoder(problem.test)
    by_readout: dict[str, list[float]] = {readout: [] for readout in readouts}
    for rows in drawn:
        features, labels = labelled[np.searchsorted(union, rows)], problem.train_labels[rows]
        for readout, accuracies in by_readout.items():
            fit = readout_accuracy if readout == "ridge" else logistic_accuracy
            accuracies.append(fit(features, labels, test, problem.test_labels, problem.n_classes))
    return by_readout


def classified(
    baseline: LabelledBaseline,
    problem: Problem,
    unlabelled: Unlabelled,
    trials: Sequence[Trial],
    counts: Sequence[int],
) -> list[dict[str, Any]]:
    """Return, for each trial, the accuracies of classifiers fitted with each of `counts`, and the
    mean processor seconds of a fit."""
    cells: list[dict[str, Any]] = [{"seconds": 0.0, "accuracy": {OWN: []}} for _ in trials]
    for count in counts:
        rows = [draw_labelled(problem, trial.seed, count) for trial in trials]
        start = time.process_time()
        classifiers = fit_classifiers(baseline, problem, unlabelled, trials, rows)
        seconds = (time.process_time() - start) / len(trials) / len(counts)
        for cell, classifier in zip(cells, classifiers, strict=True):
            cell["seconds"] += seconds
            cell["accuracy"][OWN].append(classifier_accuracy(classifier, problem))
    return cells


def logistic_accuracy(
    labelled: NDArray[np.floating],
    labels: NDArray[np.integer],
    test: NDArray[np.floating],
    test_labels: NDArray[np.integer],
    n_classes: int,
) -> float:
    """Compute the accuracy as `readout_accuracy` does, but by logistic regression."""
    if not (np.all(np.isfinite(labelled)) and np.all(np.isfinite(test))):
        return float("nan")
    with one_thread_per_product():  # for tiny products, more threads only add overhead
        scores = logistic.fit(labelled, labels, n_classes)(test)
    return float(np.mean(np.argmax(scores, axis=1) == test_labels))
