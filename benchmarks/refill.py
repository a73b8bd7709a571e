"""`python -m benchmarks.refill`: baselines' numbers, from committed results back into the cells.

Cells are what studies keep between runs; they are not committed, so that in a fresh checkout
`metaplastic study` measures every baseline again, for an hour or two. A baseline's number does not
depend on the rule and stands in `results/*.json` with its settings and its search; put back, a
study of another rule measures that rule alone. `metaplastic study NAME --fresh` measures all.
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
    """The numbers of baselines in `content`, a results file of that study and those settings."""
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
            if name in ("rule", "rule-all"):
                continue
            record = entry["search"]
            # settings searched for; where there was no search, those of the baseline
            baseline = make_baseline(name, **record["settings"])
            key = study.baseline_key(baseline, config)
            if "labels" in content:
                key = {"labels": content["labels"], **key}
            _put(study.store, key, seeds, entry.get("accuracy", entry.get("curve")))
            _put_search(study.context.store("search"), search, name, record)


def _methods(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By data set, the entries of its methods."""
    if "datasets" in content:
        return {address: entry["methods"] for address, entry in content["datasets"].items()}
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
    """Every study whose results are there; their names."""
    found = []
    for name in STUDIES:
        path = results / f"{name}.json"
        if path.is_file():
            content = read_json(path)
            study = make_study(name, Context(rule, results), **content["settings"])
            refill(study, content)
            found.append(name)
    return found


def main() -> None:
    """Put back what there is, and say so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    args = parser.parse_args()
    (args.results / "cells").mkdir(parents=True, exist_ok=True)
    found = refill_all(named_rule("default"), args.results)
    print(f"cells of {', '.join(found) or 'no study'} in {args.results / 'cells'}")


if __name__ == "__main__":
    main()
