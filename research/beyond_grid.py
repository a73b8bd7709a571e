"""`python -m research.beyond_grid`: would a setting beyond a baseline's grid have won its search?

Measures settings that are too slow for the grid on the sets and seeds of the search of study
`datasets`, and compares them with the settings that each search chose. Writes the accuracies, and
the difference of the means for each pair of sets, to `OUT`. Finished numbers persist in the cells
beside `results/`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metaplastic.errors import DataError, MetaplasticError
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import read_json, write_json
from metaplastic.evaluation.search import SEEDS, Search
from metaplastic.evaluation.studies import Context, make_study

OUT = Path(__file__).parent / "results" / "longer-autoencoder" / "beyond.json"


def records(content: dict[str, Any], name: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the searches of a baseline in results of `datasets`, by the sets searched on."""
    methods = [entry["methods"].get(name, {}) for entry in content["datasets"].values()]
    searches = [method["search"] for method in methods if method.get("search", {}).get("sets")]
    return {tuple(record["sets"]): record for record in searches}


def compare(record: dict[str, Any], accuracy: dict[str, Sequence[float]]) -> dict[str, Any]:
    """Return the means of the chosen settings and of those beyond over the sets of a search."""
    tried = {json.dumps(one["settings"], sort_keys=True): one["mean"] for one in record["tried"]}
    chosen = tried[json.dumps(record["settings"], sort_keys=True)]
    beyond = float(np.mean([np.mean(accuracy[address]) for address in record["sets"]]))
    return {
        "sets": record["sets"],
        "chosen": record["settings"],
        "mean_of_chosen": chosen,
        "mean_beyond": beyond,
        "gain": beyond - chosen,
    }


def main(given: Sequence[str] | None = None) -> int:
    """Measure the settings on every set that a search used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--baseline", default="dae")
    parser.add_argument("--settings", type=json.loads, default={"masked": 0.6, "steps": 100_000})
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args(given)
    try:
        content = read_json(args.results / "datasets.json")
        context = Context(named_rule("default"), args.results, data_dir=args.data_dir)
        study = make_study("datasets", context, **content["settings"])
        found = records(content, args.baseline)
        if not found:
            raise DataError(
                f"{args.results / 'datasets.json'} has no search of baseline {args.baseline!r}"
            )
        sets = sorted({address for record in found.values() for address in record["sets"]})
        accuracy = {}
        for address in sets:
            search: Search = study.search(study.config(address))
            accuracy[address] = search.accuracies(args.baseline, args.settings, address)
            print(address, round(float(np.mean(accuracy[address])), 4), flush=True)
    except MetaplasticError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_json(
        args.out,
        {
            "kind": "beyond the grid",
            "command": f"python -m research.beyond_grid --baseline {args.baseline} "
            f"--settings '{json.dumps(args.settings)}'",
            "baseline": args.baseline,
            "settings": args.settings,
            "seeds": list(SEEDS),
            "accuracy": accuracy,
            "searches": [compare(record, accuracy) for record in found.values()],
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
