"""`python -m research.task_statistics --data-dir DATA`: generated tasks against real tables.

Tasks of a generator are useful only if they resemble real ones. For tasks as drawn in
meta-training, and tables of the role meta-train, this measures: the effective rank of the
covariance, (Σ λ)² / Σ λ², and its ratio to the number of columns; the leave-one-out accuracy of
the nearest neighbour, and the accuracy of ridge regression on the raw inputs from ten labels per
class, both scaled from 0 at chance to 1; the kurtosis of the columns, and the fraction of
two-valued columns. Tables of the role report are never read. Writes
research/results/tasks/statistics.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic import files
from metaplastic.data.domains import known_sets
from metaplastic.errors import DataError
from metaplastic.tasks import Architecture, Augmentation, Source, load_sources

OUT = Path("research/results/tasks/statistics.json")
GENERATED = ("tables", "signals", "topics", "reviews")
WIDTHS = (16, 64, 256)
PER_CLASS, LABELS = 60, 10
ROWS = 600  # rows of a task that are measured
MEASURES = ("rank", "rank_share", "neighbour", "ridge", "kurtosis", "two_valued")


def measure(inputs: NDArray[np.float32], n_classes: int, rng: np.random.Generator) -> list[float]:
    """Compute the measures of one task, whose rows are ordered by class."""
    per_class = len(inputs) // n_classes
    labels = np.repeat(np.arange(n_classes), per_class)
    x = inputs[:, np.ptp(inputs, axis=0) > 1e-4].astype(np.float64)
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T)).clip(0) if x.shape[1] > 1 else np.ones(1)
    rank = eigenvalues.sum() ** 2 / np.square(eigenvalues).sum()
    distance = np.sum(x**2, axis=1)[:, None] + np.sum(x**2, axis=1) - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    neighbour = np.mean(labels[distance.argmin(axis=1)] == labels)
    accuracies = []
    for _ in range(4):
        order = np.stack([c * per_class + rng.permutation(per_class) for c in range(n_classes)])
        fit, test = order[:, :LABELS].ravel(), order[:, LABELS:].ravel()
        accuracies.append(ridge_accuracy(x[fit], labels[fit], x[test], labels[test], n_classes))
    chance = 1 / n_classes
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    two = np.mean([len(np.unique(column)) == 2 for column in x.T])
    return [
        float(rank),
        float(rank / x.shape[1]),
        float((neighbour - chance) / (1 - chance)),
        float((np.mean(accuracies) - chance) / (1 - chance)),
        float(np.median(np.mean(standard**4, axis=0))),
        float(two),
    ]


def ridge_accuracy(x, y, x_test, y_test, n_classes: int) -> float:
    """Compute the accuracy with the best of the penalties that evaluation chooses from."""
    mean = x.mean(axis=0)
    size = np.sum((x - mean) ** 2)
    gram = (x - mean) @ (x - mean).T
    target = np.eye(n_classes)[y] - 1 / n_classes
    best = 0.0
    for penalty in (1e-3, 1e-2, 1e-1):
        a = np.linalg.solve(gram + penalty * size * np.eye(len(x)), target)
        scores = (x_test - mean) @ ((x - mean).T @ a)
        best = max(best, float(np.mean(scores.argmax(axis=1) == y_test)))
    return best


def tasks_of(source: Source, seeds: int, classes: tuple[int, ...]) -> list[list[float]]:
    """Measure `seeds` tasks at every feasible width, with the numbers of classes in turn."""
    measures = []
    for width in WIDTHS:
        architecture = Architecture(0, 0, (), 1, columns=width)
        for seed in range(seeds):
            rng = np.random.default_rng([seed, width])
            n_classes = classes[seed % len(classes)]
            per_class = min(PER_CLASS, max(2 * LABELS, ROWS // n_classes))
            if not source.fits(architecture, n_classes, 2 * LABELS):
                continue
            drawn = source.draw(rng, n_classes, per_class, architecture, Augmentation(), 2 * LABELS)
            measures.append(measure(drawn.inputs, n_classes, rng))
    return measures


def summary(measures: list[list[float]]) -> dict[str, list[float]]:
    """Return the 5, 25, 50, 75 and 95 % quantiles of each measure."""
    quantiles = np.quantile(np.array(measures), [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    return {name: [round(float(v), 4) for v in quantiles[:, i]] for i, name in enumerate(MEASURES)}


def main() -> None:
    parser = argparse.ArgumentParser(description="generated tasks against real tables")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=40)
    args = parser.parse_args()
    generated = {}
    for name in GENERATED:
        (source,) = load_sources([name], "meta-train", n_classes=2)
        generated[name] = tasks_of(source, args.seeds, (2, 2, 3, 4, 6, 8, 12, 26))
    real = {}
    for name, dataset in known_sets().items():
        if dataset.role != "meta-train" or dataset.is_address:
            continue
        try:
            (source,) = load_sources(
                [f"table:{name}"], "meta-train", n_classes=2, data_dir=args.data_dir
            )
        except DataError as error:
            print(f"{name} left out: {error}")
            continue
        narrow = Architecture(0, 0, (), 1, columns=8)
        most_classes = max(
            (c for c in range(2, 31) if source.fits(narrow, c, 2 * LABELS)), default=0
        )
        if most_classes < 2:
            print(f"{name} left out: too few rows in a class")
            continue
        real[name] = tasks_of(
            source, max(4, args.seeds // 8), (most_classes, max(2, most_classes // 2))
        )
    all_real = np.concatenate([np.array(measures) for measures in real.values()])
    table = np.array(generated["tables"] + generated["signals"])
    ends = np.quantile(table, [0.05, 0.95], axis=0)
    inside = np.mean((all_real >= ends[0]) & (all_real <= ends[1]), axis=0)
    content = {
        "measures": MEASURES,
        "quantiles": [0.05, 0.25, 0.5, 0.75, 0.95],
        "generated": {name: summary(measures) for name, measures in generated.items()},
        "real": {name: summary(measures) for name, measures in real.items()},
        "all_real": summary([row for measures in real.values() for row in measures]),
        "real_within_generated": dict(zip(MEASURES, map(float, inside.round(3)), strict=True)),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    files.write(OUT, (json.dumps(content, indent=1) + "\n").encode(), DataError)
    shown = {**content["generated"], "all real": content["all_real"], **content["real"]}
    for name, measures in shown.items():
        print(
            f"{name:16s}", *(f"{k} {v[0]:.2f} {v[2]:.2f} {v[4]:.2f} |" for k, v in measures.items())
        )
    print("real within 5 to 95 % of generated:", content["real_within_generated"])


if __name__ == "__main__":
    main()
