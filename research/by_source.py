"""`python -m research.by_source RULE...`: accuracy on validation tasks, source by source.

Rules are chosen by this measure: classes, alphabets and fonts that are not used in meta-training,
large pools, separate labelled examples, the same tasks for every rule. Writes JSON; differences are
paired with the first rule given.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from metaplastic.compilation import use_compilation_cache
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import mean_and_error, paired_difference
from metaplastic.meta.group import TaskStream
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.meta.validation import Validator
from metaplastic.objectives import Ridge
from metaplastic.tasks import Architecture, TaskConfig, load_sources
from metaplastic.threads import one_thread_per_operation

# without CIFAR-10, whose classes are too few to split; its test batch must not be used for tuning
SOURCES = ("glyphs", "omniglot@28", "shapes", "topics", "reviews", "imagenet@32")
TASKS = TaskConfig(examples_per_class=300, labelled_apart=40)
SEED = 99


def scores(rule: Any, source: str, args: argparse.Namespace) -> dict[int, list[float]]:
    """Return the accuracy of every task at each age."""
    loaded = load_sources(
        [source], "meta-validation", n_classes=TASKS.n_classes, data_dir=args.data_dir
    )
    stream = TaskStream(
        loaded,
        TASKS,
        Architecture(14, 1, tuple(args.hidden), 32, args.activation),
        (max(args.ages), max(args.ages)),
        seed=SEED,
        group=0,
    )
    validator = Validator(
        [stream],
        args.tasks,
        ages=args.ages,
        config=UnrollConfig(),
        objective=Ridge(),
    )
    return {age: score.accuracy.tolist() for age, score in validator(rule).items()}


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="+", help="rule files, or names of shipped rules")
    parser.add_argument("--sources", nargs="+", default=list(SOURCES))
    parser.add_argument("--hidden", nargs="*", type=int, default=[128, 64])
    parser.add_argument("--activation", default="relu")
    parser.add_argument("--ages", nargs="+", type=int, default=[0, 60, 300])
    parser.add_argument("--tasks", type=int, default=8, help="per source")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    one_thread_per_operation()
    use_compilation_cache()
    results: dict[str, Any] = {}
    for name in args.rules:
        rule = named_rule(name)
        by_source: dict[str, Any] = {}
        for source in args.sources:
            by_age = scores(rule.rule, source, args)
            by_source[source] = {"accuracy": by_age, "summary": {}}
            for age, accuracies in by_age.items():
                first = (results or {name: by_source})[args.rules[0]][source]["accuracy"][age]
                by_source[source]["summary"][age] = {
                    **mean_and_error(accuracies),
                    "paired": paired_difference(accuracies, first),
                }
            last = by_source[source]["summary"][max(by_age)]["paired"]
            line = " / ".join(f"{np.mean(accuracies):.3f}" for accuracies in by_age.values())
            print(f"{name} {source}: {line}, against the first {last}", flush=True)
        results[name] = {**by_source, "fingerprint": rule.fingerprint}
    settings = {
        key: value for key, value in vars(args).items() if key not in ("out", "data_dir", "rules")
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"settings": settings, "rules": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
