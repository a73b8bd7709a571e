"""`python -m research.by_readout RULE...`: accuracy on validation tasks with evaluation's readout.

Unlike `research.by_source`, which uses the meta-objective's readout and warped images, this uses
the readout of evaluation (its penalty chosen on the labels) and unwarped images, and compares the
rules with the raw inputs and their principal components. It thus shows the weaknesses of a rule on
data that may be used for choosing rules, and with `--layers` in which layers they arise. Only
characters are warped slightly, and none occurs twice among the labelled examples, as a readout
could otherwise recognise the drawing. Classes, alphabets and fonts are not those of meta-training.
Writes JSON; differences are paired with the raw inputs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from metaplastic import PlasticEncoder
from metaplastic.compilation import use_compilation_cache
from metaplastic.evaluation.named_rule import DEFAULT_BATCH_SIZE, inner_steps_of, named_rule
from metaplastic.evaluation.results import mean_and_error, paired_difference
from metaplastic.readout.ridge import readout_accuracy
from metaplastic.tasks import Architecture, Augmentation, TaskConfig, load_sources
from metaplastic.tasks.task import sample_task
from metaplastic.threads import one_thread_per_operation
from research.by_source import SEED, SOURCES


def _tasks(apart: int, share: float) -> TaskConfig:
    """Return tasks with `share` of the shifts and rotations of meta-training and without noise."""
    full = Augmentation(noise=0.0)
    return TaskConfig(examples_per_class=300, labelled_apart=apart, augmentation=full.scaled(share))


PLAIN = _tasks(40, 0.0)
CHARACTERS = {"glyphs": _tasks(40, 1.0), "omniglot@28": _tasks(20, 0.5)}  # Omniglot has 20 drawings
SPLITS = 8  # random choices of the labelled examples among those set apart
Features = NDArray[np.floating]


def accuracy(apart: Features) -> float:
    """Compute the mean accuracy over splits: ten examples per class fit the readout, the others are
    predicted. `apart` has shape (classes, examples, features)."""
    classes, examples, width = apart.shape
    rng = np.random.default_rng(SEED)
    accuracies = []
    for _ in range(SPLITS):
        order = np.argsort(rng.random((classes, examples)), axis=1)
        shuffled = np.take_along_axis(apart, order[..., None], axis=1)
        few = PLAIN.labels_per_class
        accuracies.append(
            readout_accuracy(
                shuffled[:, :few].reshape(-1, width),
                np.repeat(np.arange(classes), few),
                shuffled[:, few:].reshape(-1, width),
                np.repeat(np.arange(classes), examples - few),
                classes,
            )
        )
    return float(np.mean(accuracies))


def task_accuracies(
    inputs: Features, seen: int, rules: dict[str, Any], args: argparse.Namespace, task: int
) -> dict[str, float]:
    """Compute accuracies of the inputs (classes, examples, side²), of PCA, and of every rule. The
    first `seen` examples of a class are unlabelled, the others are set apart."""
    classes, _, width = inputs.shape
    pool, apart = inputs[:, :seen].reshape(-1, width), inputs[:, seen:]
    rows = apart.reshape(-1, width)
    features = {"raw": rows, "pca": PCA(args.features, random_state=task).fit(pool).transform(rows)}
    for name, rule in rules.items():
        encoder = PlasticEncoder(
            rule.rule,
            hidden_layer_sizes=tuple(args.hidden),
            n_components=args.features,
            max_iter=args.steps or inner_steps_of(rule),
            batch_size=args.batch or rule.batch_size or DEFAULT_BATCH_SIZE,
            random_state=task,
        )
        network = encoder.fit(pool).network_
        features[name] = network.features(rows)
        for layer in range(1, len(network.weights)) if args.layers else ():
            features[f"{name}, layer {layer}"] = network.first(layer).features(rows)
    return {name: accuracy(u.reshape(classes, -1, u.shape[1])) for name, u in features.items()}


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="+", help="rule files, or names of shipped rules")
    parser.add_argument("--sources", nargs="+", default=list(SOURCES))
    parser.add_argument("--hidden", nargs="*", type=int, default=[128, 64])
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--steps", type=int, help="default: the rule's own")
    parser.add_argument("--batch", type=int, help="default: the rule's own")
    parser.add_argument("--layers", action="store_true", help="also read out hidden layers")
    parser.add_argument("--tasks", type=int, default=16, help="per source")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    one_thread_per_operation()
    use_compilation_cache()
    rules = {name: named_rule(name) for name in args.rules}
    architecture = Architecture(14, 1, tuple(args.hidden), args.features)
    results: dict[str, Any] = {}
    for source in args.sources:
        loaded = load_sources(
            [source], "meta-validation", n_classes=PLAIN.n_classes, data_dir=args.data_dir
        )
        tasks = CHARACTERS.get(source, PLAIN)
        by_task = [
            task_accuracies(
                sample_task(loaded, tasks, architecture, [SEED, task]).inputs,
                tasks.examples_per_class,
                rules,
                args,
                task,
            )
            for task in range(args.tasks)
        ]
        results[source] = {}
        for name in by_task[0]:
            accuracies, raw = (
                [task_result[key] for task_result in by_task] for key in (name, "raw")
            )
            results[source][name] = {
                "accuracy": accuracies,
                **mean_and_error(accuracies),
                "paired": paired_difference(accuracies, raw),
            }
        line = "  ".join(f"{name} {entry['mean']:.3f}" for name, entry in results[source].items())
        print(f"{source}: {line}", flush=True)
    settings = {
        key: value for key, value in vars(args).items() if key not in ("out", "data_dir", "rules")
    }
    fingerprints = {name: rule.fingerprint for name, rule in rules.items()}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(
        json.dumps(
            {"settings": settings, "fingerprints": fingerprints, "sources": results}, indent=1
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
