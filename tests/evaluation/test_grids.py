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

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
# settings too slow for a grid, tried on the sets of the searches (`python -m research.beyond_grid`)
BEYOND = json.loads((ROOT / "research/results/longer-autoencoder/beyond.json").read_text())
# below a tenth of the inputs lies the default, their square root
INSIDE = {("random-forest", "inputs")}
LOWEST = {("umap", "min_dist", 0.0), ("random-forest", "leaf", 1)}  # nothing is below
# the 32 features of umap, which is searched apart, are above the 128 of umap-own
SEARCHED_APART = {("umap-own", "features")}
NONE_BEYOND = {"whiten"}  # no whitening, which every search tries, lies beyond every number
FLAT = 0.01  # accuracy on the search's sets that the end of a range may gain


def _methods(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every search that chose something, with the name of its baseline."""
    for key, value in content.items() if isinstance(content, dict) else ():
        if key in BASELINES and isinstance(value, dict) and "tried" in value.get("search", {}):
            yield key, value["search"]
        else:
            yield from _methods(value)


def _default(name: str, key: str) -> Any:
    return BASELINES[name].Settings.model_fields[key].default


def _records(paths: Sequence[Path]) -> dict[tuple[str, str, str, float], list[dict[str, Any]]]:
    """The searches in results, by study, baseline and chosen number, a default included."""
    searches: dict[tuple[str, str, str, float], list[dict[str, Any]]] = {}
    for path in paths:
        content = json.loads(path.read_text())
        for name, record in _methods(content):
            for key in sorted({key for one in BASELINES[name].grid for key in one}):
                won = record["settings"].get(key, _default(name, key))
                if isinstance(won, int | float) and not isinstance(won, bool):
                    found = searches.setdefault((content["study"], name, key, won), [])
                    if record not in found:
                        found.append(record)
    return searches


ALL = _records(committed(RESULTS))


def _values(name: str, key: str, settings: Sequence[dict[str, Any]]) -> set[float]:
    given = {one.get(key, _default(name, key)) for one in settings}
    return {value for value in given if value is not None}


def _beyond(name: str, key: str) -> set[float]:
    return _values(name, key, [BEYOND["settings"]]) if name == BEYOND["baseline"] else set()


@pytest.mark.parametrize(
    ("study", "name", "key", "won"), sorted(one for one in ALL if one[0] == "datasets")
)
def test_a_setting_that_won_has_others_on_both_sides(
    study: str, name: str, key: str, won: float
) -> None:
    if (name, key) in INSIDE:
        return
    now = _values(name, key, BASELINES[name].grid)
    for record in ALL[study, name, key, won]:
        assert _values(name, key, [trial["settings"] for trial in record["tried"]]) <= now
    assert max(now | _beyond(name, key)) > won
    assert min(now) < won or (name, key, won) in LOWEST


@pytest.mark.parametrize(("study", "name", "key", "won"), sorted(ALL))
def test_the_end_of_a_range_that_won_gains_little(
    study: str, name: str, key: str, won: float
) -> None:
    """On the sets of the search, over the best setting inside of the range."""
    if (name, key) in INSIDE | SEARCHED_APART or (name, key, won) in LOWEST:
        return
    for record in ALL[study, name, key, won]:
        tried = _values(name, key, [trial["settings"] for trial in record["tried"]])
        tried |= {math.inf} if key in NONE_BEYOND else set()
        if won not in (max(tried), min(tried)):
            continue
        if max(_beyond(name, key), default=won) > won == max(tried):
            beyond = [one for one in BEYOND["searches"] if one["sets"] == record["sets"]]
            for one in beyond:
                assert one["chosen"] == record["settings"]
                assert one["gain"] < FLAT
            if beyond:
                continue
        of_end, inside = -math.inf, -math.inf
        for trial in record["tried"]:
            if trial["settings"].get(key, _default(name, key)) == won:
                of_end = max(of_end, trial["mean"])
            else:
                inside = max(inside, trial["mean"])
        assert of_end - inside < FLAT
