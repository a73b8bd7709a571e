"""The data sets of study `domains`, those its searches use, and what a run of it costs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from metaplastic.errors import DataError
from metaplastic.evaluation.baselines import Baseline
from metaplastic.evaluation.problem import Problem
from metaplastic.evaluation.search import Search
from metaplastic.evaluation.tables import load_table

SEARCHED_ON = ("segment", "wall_following", "isolet_1560", "spambase")  # role: meta-train
SEARCH_SETS = 3


class DomainSet(NamedTuple):
    """One data set of the study; see `domains.toml`."""

    name: str
    role: str
    kind: str
    is_address: bool = False


@cache
def known_sets() -> dict[str, DomainSet]:
    """The sets of `domains.toml`, by name."""
    text = files("metaplastic.evaluation.studies").joinpath("domains.toml").read_text("utf-8")
    return {entry["name"]: DomainSet(**entry) for entry in tomllib.loads(text)["sets"]}


class TableSearch(Search):
    """Hyperparameters are searched on tables of the role `meta-train` alone."""

    def sets_for(self, address: str) -> list[str]:
        """The first three that are there and are not the set reported."""
        there = [n for n in SEARCHED_ON if n != address and self._problem(n) is not None]
        return there[:SEARCH_SETS]

    def _problem(self, address: str) -> Problem | None:
        if address not in self._problems:
            try:
                self._problems[address] = load_table(address, self._data_dir, for_search=True)
            except DataError:  # its file is not here
                self._problems[address] = None
        return self._problems[address]

    def trial_key(self, baseline: Baseline, address: str) -> dict[str, Any]:
        return {**super().trial_key(baseline, address), "tables": 1}


# processor seconds of one seed on a middling set, both readouts at four numbers of labels included
SECONDS = {
    "rule": 12.0,
    "umap": 15.0,
    "umap-own": 15.0,
    "dae": 8.0,
    "self-training": 12.0,
    "label-spreading": 3.0,
    "random-forest": 3.0,
}
OTHERS = 3.0
COMPILED = 20.0  # once a set, for the rule


def forecast(methods: Iterable[str], sets: int, seeds: int) -> str:
    """What to expect of a run that finds nothing kept, in a sentence."""
    each = SECONDS["rule"] + sum(SECONDS.get(name, OTHERS) for name in methods)
    minutes = sets * (COMPILED + seeds * each) / 60
    long = f"{minutes / 60:.0f} hours" if minutes > 90 else f"{minutes:.0f} minutes"
    return (
        f"data sets: {sets}, seeds: {seeds}; very roughly {long} of one core where nothing is "
        "kept from before; interrupt it whenever you like, it goes on where it stopped"
    )
