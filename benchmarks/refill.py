"""`python -m benchmarks.refill`: restore numbers from committed results to the cells.

Cells cache the numbers of studies between runs. They are not committed, so in a fresh checkout
`metaplastic study` measures everything again, for many hours. Restored are

- the baselines of five studies: their numbers do not depend on the rule and are in `results/*.json`
  with their settings and searches, so that a study of another rule measures only that rule; those
  of `domains` need the data (`--data-dir`), and sets whose rows are missing or different stay out;
- the rule's own numbers of `datasets`, `domains`, `learned` and `architectures`, so that one more
  data set, baseline or network is all that is measured; for the last two, they are left out if they
  are of another rule than the file that they name.

`metaplastic study NAME --fresh` measures all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metaplastic.encoder.as_baseline import ClassifierBaseline
from metaplastic.errors import MetaplasticError
from metaplastic.evaluation.baselines import make_baseline
from metaplastic.evaluation.named_rule import NamedRule, named_rule
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.search import Search
from metaplastic.evaluation.store import Store
from metaplastic.evaluation.studies import Context, make_study
from metaplastic.evaluation.studies.domain_cells import RULE
from metaplastic.evaluation.studies.domains import Domains
from metaplastic.evaluation.studies.learned import Learned
from metaplastic.evaluation.studies.mismatch import Mismatch
from metaplastic.evaluation.studies.study import Study

OF_BASELINES = ("datasets", "text", "labels", "mismatch", "domains")
OF_RULES = ("learned", "architectures")
READ_LAYERS = {"rule": "last", "rule-all": "all", "rule-averaged": "averaged"}


def refill(study: Study, content: Mapping[str, Any]) -> None:
    """Restore the baselines' numbers in `content`, the results of that study and settings, and in
    `datasets` those of the rule."""
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
            if name in READ_LAYERS:
                if "datasets" in content:
                    points = {"layers": READ_LAYERS[name], "points": tuple(entry["points"])}
                    key = study.rule_key(
                        content["rule"]["fingerprint"], config.model_copy(update=points)
                    )
                    _put(study.store, key, seeds, entry["curve"])
                continue
            record = entry["search"]
            # the settings that the search chose, or the baseline's own without a search
            baseline = make_baseline(name, **record["settings"])
            key = study.baseline_key(baseline, config)
            if "labels" in content:
                key = {"labels": content["labels"], **key}
            _put(study.store, key, seeds, entry.get("accuracy", entry.get("curve")))
            _put_search(study.context.store("search"), search, name, record)


def _refill_learned(study: Study, content: Mapping[str, Any]) -> None:
    """Restore the numbers of the rows that the results have and the rule still has."""
    assert isinstance(study, Learned)
    for address, entry in content["datasets"].items():
        methods = entry["methods"]
        config = study.config(address, points=(0, content["inner_steps"]))
        for name, row in study.rows().items():
            if name not in methods:
                continue
            members = methods[name].get("members", [methods[name]])
            for rule, member in zip(row.rules, members, strict=True):
                curve = list(zip(methods["random"]["accuracy"], member["accuracy"], strict=True))
                key = study.rule_key(rule.fingerprint, config)
                _put(study.store, key, content["seeds"], curve)


def _refill_architectures(study: Study, content: Mapping[str, Any]) -> None:
    """Restore the curves of all networks, and the inputs' accuracies."""
    address, seeds = content["data"]["address"], content["seeds"]
    for group in ("depths", "widths", "activations", "grid"):
        for entry in content[group]:
            config = study.config(
                address,
                hidden=entry["layers"][:-1],
                activation=entry["activation"],
                points=entry["points"],
            )
            key = study.rule_key(entry["fingerprint"], config)
            _put(study.store, key, seeds[: len(entry["curve"])], entry["curve"])
    raw = make_baseline("raw", **content["raw"]["settings"])
    key = study.baseline_key(raw, study.config(address))
    _put(study.store, key, seeds, content["raw"]["accuracy"])


def _refill_domains(study: Study, content: Mapping[str, Any]) -> None:
    """Restore the searches, and the numbers of every set whose rows are at hand."""
    assert isinstance(study, Domains)
    seeds, search = content["seeds"], study.table_search()
    same_rule = content["rule"]["fingerprint"] == study.context.rule.fingerprint
    built_on_rule = {one.name: one for one in study.context.classifiers}
    for name, entry in content["sets"].items():
        try:
            cells = study.cells_of(study.load(name))
        except MetaplasticError as error:
            print(f"{name} left out: {error}", file=sys.stderr)
            continue
        for method, of_method in entry["methods"].items():
            if method in RULE:
                continue
            record, uses_rule = of_method["search"], method in built_on_rule
            baseline = built_on_rule.get(method) or make_baseline(method, **record["settings"])
            if uses_rule <= same_rule:
                key = cells.baseline_key(baseline, uses_rule=uses_rule)
                _put(study.store, key, seeds, _by_seed(of_method))
            if not uses_rule:
                _put_search(study.context.store("search"), search, method, record)
        if same_rule:
            readings = [_by_seed(entry["methods"][reading]) for reading in RULE]
            measured = [
                {"seconds": pair[0]["seconds"]}
                | {name: one["accuracy"] for name, one in zip(RULE, pair, strict=True)}
                for pair in zip(*readings, strict=True)
            ]
            _put(study.store, cells.rule_key(), seeds, measured)


def _by_seed(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the cell of every seed; all have the median of their seconds."""
    by_readout = {readout: np.transpose(values) for readout, values in entry["accuracy"].items()}
    n_seeds = len(next(iter(by_readout.values())))
    return [
        {
            "seconds": entry["seconds"],
            "accuracy": {readout: values[i].tolist() for readout, values in by_readout.items()},
        }
        for i in range(n_seeds)
    ]


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


REFILL = {
    "domains": _refill_domains,
    "learned": _refill_learned,
    "architectures": _refill_architectures,
}


def refill_all(rule: NamedRule, results: Path, data_dir: Path | None = None) -> list[str]:
    """Refill every study that has results, and return their names."""
    refilled = []
    for name in (*OF_BASELINES, *OF_RULES):
        path = results / f"{name}.json"
        if not path.is_file():
            continue
        content = read_json(path)
        of_study = rule if name in OF_BASELINES else _measured_rule(content)
        if of_study is None:
            continue
        context = Context(
            of_study, results, data_dir=data_dir, classifiers=(ClassifierBaseline(of_study),)
        )
        study = make_study(name, context, **content["settings"])
        REFILL.get(name, refill)(study, content)
        refilled.append(name)
    return refilled


def _measured_rule(content: Mapping[str, Any]) -> NamedRule | None:
    """Return the rule that the results are of; None if its file is missing or another rule's."""
    try:
        rule = named_rule(content["rule"]["name"])
    except MetaplasticError:
        return None
    return rule if rule.fingerprint == content["rule"]["fingerprint"] else None


def main() -> None:
    """Refill the cells of all studies with results, and print their names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--data-dir", type=Path, help="the tables of study domains")
    args = parser.parse_args()
    (args.results / "cells").mkdir(parents=True, exist_ok=True)
    refilled = refill_all(named_rule("default"), args.results, args.data_dir)
    print(f"refilled in {args.results / 'cells'}: {', '.join(refilled) or 'no study'}")


if __name__ == "__main__":
    main()
