"""`python -m benchmarks.refill`: restore baselines' numbers from committed results to the cells.

Cells cache the numbers of studies between runs. They are not committed, so in a fresh checkout
`metaplastic study` measures every baseline again, for an hour or two. But a baseline's number does
not depend on the rule and is in `results/*.json` with its settings and search; once restored, a
study of another rule measures only that rule. `metaplastic study NAME --fresh` measures all.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metaplastic.evaluation.baselines import make_baseline
from metaplastic.evaluation.named_rule import NamedRule, named_rule
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.search import Search
from metaplastic.evaluation.store import Store
from metaplastic.evaluation.studies import Context, make_study
from metaplastic.evaluation.studies.mismatch import Mismatch
from metaplastic.evaluation.studies.study import Study

STUDIES = ("datasets", "text", "labels", "mismatch")  # those that measure baselines


def refill(study: Study, content: Mapping[str, Any]) -> None:
    """Restore the baselines' numbers in `content`, the results of that study and settings."""
    seeds = content["seeds"]
    if isinstance(study, Mismatch):
        for address, entry in content["datasets"].items():
            both = np.stack([entry["vae"]["accuracy"], entry["vae"]["elbo"]], axis=-1)
            _put(study.store, study.vae_key(address), seeds, both.tolist())
        return
    for address, methods in _methods(content).items():
        config = study.config(address)
        search = study.search(config)
        for name, entry in methods.items():
            if name == "rule" or name.startswith("rule-"):
                continue
            record = entry["search"]
            # the settings that the search chose, or the baseline's own without a search
            baseline = make_baseline(name, **record["settings"])
            key = study.baseline_key(baseline, config)
            if "labels" in content:
                key = {"labels": content["labels"], **key}
            _put(study.store, key, seeds, entry.get("accuracy", entry.get("curve")))
            _put_search(study.context.store("search"), search, name, record)


def _methods(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the entries of the methods by data set."""
    if "datasets" in content:
        return {address: entry["methods"] for address, entry in content["datasets"].items()}
    # study `text` has its baselines under "rivals"
    return {content["data"]["address"]: content.get("rivals", content.get("methods"))}


def _put_search(store: Store, search: Search, name: str, record: Mapping[str, Any]) -> None:
    for tried in record["tried"]:
        baseline = make_baseline(name, **tried["settings"])
        for address, accuracies in tried["accuracy"].items():
            _put(store, search.trial_key(baseline, address), record["seeds"], accuracies)


def _put(store: Store, key: Mapping[str, Any], seeds: Sequence[int], values: Sequence[Any]) -> None:
    known = dict(zip(seeds, values, strict=True))
    store.numbers(key, seeds, lambda missing: [known[seed] for seed in missing])


def refill_all(rule: NamedRule, results: Path) -> list[str]:
    """Refill every study that has results, and return their names."""
    refilled = []
    for name in STUDIES:
        path = results / f"{name}.json"
        if path.is_file():
            content = read_json(path)
            study = make_study(name, Context(rule, results), **content["settings"])
            refill(study, content)
            refilled.append(name)
    return refilled


def main() -> None:
    """Refill the cells of all studies with results, and print their names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    args = parser.parse_args()
    (args.results / "cells").mkdir(parents=True, exist_ok=True)
    refilled = refill_all(named_rule("default"), args.results)
    print(f"refilled in {args.results / 'cells'}: {', '.join(refilled) or 'no study'}")


if __name__ == "__main__":
    main()
