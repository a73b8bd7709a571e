"""The search of baselines reaches beyond every setting that won at the end of a range."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.again import committed

from metaplastic.evaluation.baselines import BASELINES

RESULTS = Path(__file__).parents[2] / "results"
# below a tenth of the inputs lies the default, their square root; umap's 32 features are above the
# 128 of umap-own
INSIDE = {("random-forest", "inputs"), ("umap-own", "features")}
LOWEST = {("umap", "min_dist", 0.0)}  # nothing is below
UNLIMITED = {"whiten"}  # settings that no number limits: None lies beyond every one
FLAT = 0.01  # accuracy on the search's sets that an end may be above its neighbours


def _methods(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every search that chose something, with the name of its baseline."""
    for key, value in content.items() if isinstance(content, dict) else ():
        if key in BASELINES and isinstance(value, dict) and value.get("search", {}).get("settings"):
            yield key, value["search"]
        else:
            yield from _methods(value)


def _records() -> dict[tuple[str, str, str, float], dict[str, Any]]:
    """The searches in the committed results, by study, baseline and chosen setting."""
    searches = {}
    for path in committed(RESULTS):
        content = json.loads(path.read_text())
        for name, record in _methods(content):
            for key, won in record["settings"].items():
                searches[content["study"], name, key, won] = record
    return searches


def _gain(record: dict[str, Any], value: Any) -> float:
    """By how much the best setting with `value` is above the best without it, on the same sets."""
    with_it = [t["mean"] for t in record["tried"] if value in t["settings"].values()]
    without = [t["mean"] for t in record["tried"] if value not in t["settings"].values()]
    return max(with_it) - max(without)


@pytest.mark.parametrize(("study", "name", "key", "won"), sorted(_records()))
def test_a_setting_that_won_has_others_on_both_sides_or_gains_little(
    study: str, name: str, key: str, won: float
) -> None:
    def values(settings: list[dict[str, Any]]) -> set[float]:
        default = BASELINES[name].Settings.model_fields[key].default
        given = {one.get(key, default) for one in settings}
        beyond = {math.inf} if key in UNLIMITED and None in given else set()
        return {value for value in given if value is not None} | beyond

    if (name, key) in INSIDE:
        return
    record = _records()[study, name, key, won]
    now = values(list(BASELINES[name].grid))
    assert values([t["settings"] for t in record["tried"]]) <= now
    at_an_end = won in (max(now), min(now)) and (name, key, won) not in LOWEST
    assert not at_an_end or _gain(record, won) < FLAT
