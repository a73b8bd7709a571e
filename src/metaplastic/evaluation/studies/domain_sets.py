"""The data sets of study `domains` and of its searches, and the cost of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from metaplastic.data.domains import DomainSet, known_sets
from metaplastic.errors import DataError
from metaplastic.evaluation.baselines import Baseline
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.search import Search
from metaplastic.evaluation.tables import load_table

__all__ = ["SEARCHED_ON", "DomainSet", "TableSearch", "forecast", "known_sets"]

SEARCHED_ON = ("segment", "wall_following", "isolet_1560", "spambase")  # role: meta-train
SEARCH_SETS = 3


class TableSearch(Search):
    """A hyperparameter search on tables of the role `meta-train` only."""

    def sets_for(self, address: str) -> list[str]:
        """Return the first three available tables that are not the set reported."""
        available = [n for n in SEARCHED_ON if n != address and self._problem(n) is not None]
        return available[:SEARCH_SETS]

    def _problem(self, address: str) -> Problem | None:
        if address not in self._problems:
            try:
                self._problems[address] = load_table(address, self._data_dir, for_search=True)
            except DataError:  # its file is missing
                self._problems[address] = None
        return self._problems[address]

    def trial_key(self, baseline: Baseline, address: str) -> dict[str, Any]:
        return {**super().trial_key(baseline, address), "tables": 1}


# processor seconds of one seed on a medium-sized set, with both readouts at four label counts
SECONDS = {
    "rule": 12.0,
    "umap": 15.0,
    "umap-own": 15.0,
    "dae": 33.0,
    "self-training": 12.0,
    "label-spreading": 3.0,
    "random-forest": 3.0,
}
OTHERS = 3.0
COMPILED = 20.0  # once per set, for the rule


def forecast(methods: Iterable[str], sets: int, seeds: int) -> str:
    """Describe in a sentence the cost of a run without cached numbers."""
    per_seed = SECONDS["rule"] + sum(SECONDS.get(name, OTHERS) for name in methods)
    minutes = sets * (COMPILED + seeds * per_seed) / 60
    duration = f"{minutes / 60:.0f} hours" if minutes > 90 else f"{minutes:.0f} minutes"
    return (
        f"data sets: {sets}, seeds: {seeds}; very roughly {duration} on one core without "
        "cached numbers; it can be interrupted at any time and resumes where it stopped"
    )
