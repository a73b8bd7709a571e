"""Rankings over many data sets: mean ranks, wins, ties and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metaplastic.evaluation.results import as_numbers
from metaplastic.evaluation.significance import compare, rank

READOUTS = ("ridge", "logistic")
OWN = "own"  # of a method that is a classifier itself
CLASSIFIERS = "classifiers"
MARGIN = 0.03  # a gap of accuracy that users would notice
# methods whose readouts are ranked with the classifiers
AMONG_CLASSIFIERS = ("rule-all", "raw")

Entrant = tuple[str, str]  # method, readout


def standings(content: Mapping[str, Any], reference: str) -> list[dict[str, Any]]:
    """A table for every role, readout and number of labels; `content` is a results file's.

    The readout `classifiers` sets classifiers beside the readouts of the rule's features and of the
    inputs. `reference` is the method that wins, ties and losses are counted for.
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
    found = []
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
                    found.append({"role": role, "readout": group, "labels": count, **table})
    return found


def _entrants(methods: Mapping[str, Any], group: str, readouts: Sequence[str]) -> list[Entrant]:
    if group != CLASSIFIERS:
        return [(name, group) for name, entry in methods.items() if not entry["classifier"]]
    own = [(name, OWN) for name, entry in methods.items() if entry["classifier"]]
    read = [(n, readout) for n in AMONG_CLASSIFIERS if n in methods for readout in readouts]
    return read + own if own else []


def _ours(
    methods: Mapping[str, Any], entrants: Sequence[Entrant], reference: str
) -> Entrant | None:
    """The reference, or among classifiers the one that uses the rule, where there is one."""
    own = [e for e in entrants if e[1] == OWN and methods[e[0]].get("uses_rule")]
    matching = own or [e for e in entrants if e[0] == reference]
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
    # ranks need every method's number; a set without one is counted, not ranked
    complete = [n for n, row in means.items() if all(np.isfinite(list(row.values())))]
    ranking = rank(
        [[means[name][e] for e in entrants] for name in complete] or np.empty((0, len(entrants)))
    )
    others = [e for e in entrants if e != ours]
    tests = compare({(name, e): (row[ours], row[e]) for name, row in cells.items() for e in others})
    rows = []
    for place, entrant in enumerate(entrants):
        level = [means[name][entrant] for name in complete]
        row: dict[str, Any] = {
            "method": entrant[0],
            "readout": entrant[1],
            "title": _title(entrant, methods),
            "mean_rank": float(ranking.mean_ranks[place]),
            "mean_accuracy": float(np.mean(level)) if level else None,
        }
        if entrant != ours:
            here = {name: tests[name, entrant] for name in cells}
            verdicts = [c.verdict for c in here.values()]
            gaps = [c.difference for c in here.values()]
            row |= {
                "wins": verdicts.count("win"),
                "ties": verdicts.count("tie"),
                "losses": verdicts.count("loss"),
                "far_above": sum(gap > MARGIN for gap in gaps),
                "far_below": sum(gap < -MARGIN for gap in gaps),
                "paired": {name: c.to_json() for name, c in here.items()},
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
