"""`python -m research.by_readout RULE...`: validation tasks judged as evaluation judges.

Where `research.by_source` has the meta-objective's readout and warped images, this has the
readout of evaluation (its penalty chosen on the labels), images as they are, and beside the rules
the inputs themselves and their principal components: what a rule still loses shows on data that it
may be chosen by, and with `--layers` in which of its layers. Characters alone are warped a little
and none is among those labelled twice, or a readout would only have to know the drawing again.
Classes, alphabets and fonts that are not meta-trained on. Writes JSON; differences are paired, to
the inputs themselves.
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
from metaplastic.cli.runtime import one_thread_per_operation
from metaplastic.compilation import use_compilation_cache
from metaplastic.evaluation.named_rule import DEFAULT_BATCH_SIZE, inner_steps_of, named_rule
from metaplastic.evaluation.results import mean_and_error, paired_difference
from metaplastic.readout.ridge import readout_accuracy
from metaplastic.tasks import Architecture, Augmentation, TaskConfig, load_sources
from metaplastic.tasks.task import sample_task
from research.by_source import SEED, SOURCES


def _tasks(apart: int, share: float) -> TaskConfig:
    """`share` of the shifts and rotations of meta-training, no noise."""
    whole = Augmentation(noise=0.0)
    return TaskConfig(
        examples_per_class=300, labelled_apart=apart, augmentation=whole.scaled(share)
    )


PLAIN = _tasks(40, 0.0)
CHARACTERS = {"glyphs": _tasks(40, 1.0), "omniglot@28": _tasks(20, 0.5)}  # Omniglot has 20 drawings
SPLITS = 8  # ways to choose which of the examples kept apart are labelled
Features = NDArray[np.floating]


def accuracy(apart: Features) -> float:
    """Mean over splits: ten of every class fit the readout, the others are predicted.
    `apart` is (classes, examples, features)."""
    classes, examples, width = apart.shape
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(SPLITS):
        order = np.argsort(rng.random((classes, examples)), axis=1)
        shuffled = np.take_along_axis(apart, order[..., None], axis=1)
        few = PLAIN.labels_per_class
        found.append(
            readout_accuracy(
                shuffled[:, :few].reshape(-1, width),
                np.repeat(np.arange(classes), few),
                shuffled[:, few:].reshape(-1, width),
                np.repeat(np.arange(classes), examples - few),
                classes,
            )
        )
    return float(np.mean(found))


def task_accuracies(
    inputs: Features, seen: int, rules: dict[str, Any], args: argparse.Namespace, task: int
) -> dict[str, float]:
    """Of the inputs (classes, examples, side²), of PCA, and of every rule; of every class the
    first `seen` examples are unlabelled, the others kept apart."""
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
    """Measure, print, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="+", help="rule files, or names of shipped rules")
    parser.add_argument("--sources", nargs="+", default=list(SOURCES))
    parser.add_argument("--hidden", nargs="*", type=int, default=[128, 64])
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--steps", type=int, help="left out: the rule's own")
    parser.add_argument("--batch", type=int, help="left out: the rule's own")
    parser.add_argument("--layers", action="store_true", help="read hidden layers out as well")
    parser.add_argument("--tasks", type=int, default=16, help="per source")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    one_thread_per_operation()
    use_compilation_cache()
    rules = {name: named_rule(name) for name in args.rules}
    architecture = Architecture(14, 1, tuple(args.hidden), args.features)
    found: dict[str, Any] = {}
    for source in args.sources:
        loaded = load_sources(
            [source], "meta-validation", n_classes=PLAIN.n_classes, data_dir=args.data_dir
        )
        tasks = CHARACTERS.get(source, PLAIN)
        each = [
            task_accuracies(
                sample_task(loaded, tasks, architecture, [SEED, task]).inputs,
                tasks.examples_per_class,
                rules,
                args,
                task,
            )
            for task in range(args.tasks)
        ]
        found[source] = {}
        for name in each[0]:
            own, raw = ([one[key] for one in each] for key in (name, "raw"))
            found[source][name] = {
                "accuracy": own,
                **mean_and_error(own),
                "paired": paired_difference(own, raw),
            }
        line = "  ".join(f"{name} {entry['mean']:.3f}" for name, entry in found[source].items())
        print(f"{source}: {line}", flush=True)
    settings = {
        key: value for key, value in vars(args).items() if key not in ("out", "data_dir", "rules")
    }
    prints = {name: rule.fingerprint for name, rule in rules.items()}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(
        json.dumps({"settings": settings, "fingerprints": prints, "sources": found}, indent=1)
        + "\n"
    )


if __name__ == "__main__":
    main()
