"""Rankings over many data sets: mean ranks, wins, ties and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metaplastic.evaluation.results import as_numbers
from metaplastic.evaluation.significance import compare, rank

READOUTS = ("ridge", "logistic")
OWN = "own"  # readout of a method that is a classifier itself
CLASSIFIERS = "classifiers"
MARGIN = 0.03  # difference in accuracy that users would notice
# methods whose readouts are ranked with the classifiers
AMONG_CLASSIFIERS = ("rule-all", "raw")

Entrant = tuple[str, str]  # method, readout


def standings(content: Mapping[str, Any], reference: str) -> list[dict[str, Any]]:
    """Build a table for every role, readout and number of labels of a results file's `content`.

    The readout `classifiers` compares classifiers with the readouts of the rule's features and of
    the inputs. `reference` is the method whose wins, ties and losses are counted.
    """
    sets = content["sets"]
    roles = list(dict.fromkeys(entry["role"] for entry in sets.values()))
    counts = sorted({count for entry in sets.values() for count in entry["labels"]})
    readouts = list(
        dict.fromkeys(
            readout
            for entry in sets.values()
            for method in entry["methods"].values()
            for readout in method["accuracy"]
            if readout != OWN
        )
    )
    tables = []
    for role in roles:
        for group in (*readouts, CLASSIFIERS):
            entrants = _entrants(content["methods"], group, readouts)
            ours = _ours(content["methods"], entrants, reference)
            if ours is None or len(entrants) < 2:
                continue
            for count in counts:
                cells = {
                    name: {e: _accuracies(entry, e, count) for e in entrants}
                    for name, entry in sets.items()
                    if entry["role"] == role and count in entry["labels"]
                }
                if cells:
                    table = _table(cells, entrants, ours, content["methods"])
                    tables.append({"role": role, "readout": group, "labels": count, **table})
    return tables


def _entrants(methods: Mapping[str, Any], group: str, readouts: Sequence[str]) -> list[Entrant]:
    if group != CLASSIFIERS:
        return [(name, group) for name, entry in methods.items() if not entry["classifier"]]
    classifiers = [(name, OWN) for name, entry in methods.items() if entry["classifier"]]
    readers = [(n, readout) for n in AMONG_CLASSIFIERS if n in methods for readout in readouts]
    return readers + classifiers if classifiers else []


def _ours(
    methods: Mapping[str, Any], entrants: Sequence[Entrant], reference: str
) -> Entrant | None:
    """Return the reference, or the classifier that uses the rule if there is one."""
    using_rule = [e for e in entrants if e[1] == OWN and methods[e[0]].get("uses_rule")]
    matching = using_rule or [e for e in entrants if e[0] == reference]
    return matching[0] if matching else None


def _accuracies(entry: Mapping[str, Any], entrant: Entrant, count: int) -> list[float]:
    method, readout = entrant
    return as_numbers(entry["methods"][method]["accuracy"][readout][entry["labels"].index(count)])


def _table(
    cells: Mapping[str, Mapping[Entrant, list[float]]],
    entrants: Sequence[Entrant],
    ours: Entrant,
    methods: Mapping[str, Any],
) -> dict[str, Any]:
    means = {
        name: {e: float(np.nanmean(a)) if np.isfinite(a).any() else np.nan for e, a in row.items()}
        for name, row in cells.items()
    }
    # ranking needs a number for every method; sets without one are only counted
    complete = [n for n, row in means.items() if all(np.isfinite(list(row.values())))]
    ranking = rank(
        [[means[name][e] for e in entrants] for name in complete] or np.empty((0, len(entrants)))
    )
    others = [e for e in entrants if e != ours]
    tests = compare({(name, e): (row[ours], row[e]) for name, row in cells.items() for e in others})
    rows = []
    for index, entrant in enumerate(entrants):
        level = [means[name][entrant] for name in complete]
        row: dict[str, Any] = {
            "method": entrant[0],
            "readout": entrant[1],
            "title": _title(entrant, methods),
            "mean_rank": float(ranking.mean_ranks[index]),
            "mean_accuracy": float(np.mean(level)) if level else None,
        }
        if entrant != ours:
            comparisons = {name: tests[name, entrant] for name in cells}
            verdicts = [c.verdict for c in comparisons.values()]
            differences = [c.difference for c in comparisons.values()]
            row |= {
                "wins": verdicts.count("win"),
                "ties": verdicts.count("tie"),
                "losses": verdicts.count("loss"),
                "far_above": sum(difference > MARGIN for difference in differences),
                "far_below": sum(difference < -MARGIN for difference in differences),
                "paired": {name: c.to_json() for name, c in comparisons.items()},
            }
        rows.append(row)
    return {
        "reference": {"method": ours[0], "readout": ours[1]},
        "data_sets": list(complete),
        "without_a_number": [name for name in means if name not in complete],
        "critical_difference": ranking.critical_difference,
        "friedman": ranking.friedman,
        "friedman_p": ranking.p,
        "rows": sorted(rows, key=lambda row: row["mean_rank"]),
    }


def _title(entrant: Entrant, methods: Mapping[str, Any]) -> str:
    title = str(methods[entrant[0]]["title"])
    return title if entrant[1] == OWN else f"{title}; {entrant[1]}"
