"""The search of baselines reaches beyond every setting that won at the end of a range."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from benchmarks.again import committed

from metaplastic.evaluation.baselines import BASELINES

RESULTS = Path(__file__).parents[2] / "results"
# below a tenth of the inputs lies the default, their square root
INSIDE = {("random-forest", "inputs")}
LOWEST = {("umap", "min_dist", 0.0)}  # nothing is below
# the 32 features of umap, which is searched apart, are above the 128 of umap-own
SEARCHED_APART = {("umap-own", "features")}
NONE_BEYOND = {"whiten"}  # no whitening, which every search tries, lies beyond every number
FLAT = 0.01  # accuracy on the search's sets that the end of a range may gain


def _methods(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every search that chose something, with the name of its baseline."""
    for key, value in content.items() if isinstance(content, dict) else ():
        if key in BASELINES and isinstance(value, dict) and value.get("search", {}).get("settings"):
            yield key, value["search"]
        else:
            yield from _methods(value)


def _records(paths: Sequence[Path]) -> dict[tuple[str, str, str, float], dict[str, Any]]:
    """The searches in results, by study, baseline and chosen setting."""
    searches = {}
    for path in paths:
        content = json.loads(path.read_text())
        for name, record in _methods(content):
            for key, won in record["settings"].items():
                searches[content["study"], name, key, won] = record
    return searches


ALL = _records(committed(RESULTS))


def _values(name: str, key: str, settings: Sequence[dict[str, Any]]) -> set[float]:
    default = BASELINES[name].Settings.model_fields[key].default
    given = {one.get(key, default) for one in settings}
    return {value for value in given if value is not None}


@pytest.mark.parametrize(
    ("study", "name", "key", "won"), sorted(one for one in ALL if one[0] == "datasets")
)
def test_a_setting_that_won_has_others_on_both_sides(
    study: str, name: str, key: str, won: float
) -> None:
    if (name, key) in INSIDE:
        return
    tried = _values(name, key, _tried(study, name, key, won))
    now = _values(name, key, BASELINES[name].grid)
    assert tried <= now
    assert max(now) > won
    assert min(now) < won or (name, key, won) in LOWEST


def _tried(study: str, name: str, key: str, won: float) -> list[dict[str, Any]]:
    return [trial["settings"] for trial in ALL[study, name, key, won]["tried"]]


@pytest.mark.parametrize(("study", "name", "key", "won"), sorted(ALL))
def test_the_end_of_a_range_that_won_gains_little(
    study: str, name: str, key: str, won: float
) -> None:
    """On the sets of the search, over the best setting inside of the range."""
    if (name, key) in INSIDE | SEARCHED_APART:
        return
    tried = _values(name, key, _tried(study, name, key, won))
    tried |= {math.inf} if key in NONE_BEYOND else set()
    if won not in (max(tried), min(tried)) or (name, key, won) in LOWEST:
        return
    by_value = {True: -math.inf, False: -math.inf}
    for trial in ALL[study, name, key, won]["tried"]:
        has = trial["settings"].get(key) == won
        by_value[has] = max(by_value[has], trial["mean"])
    assert by_value[True] - by_value[False] < FLAT
