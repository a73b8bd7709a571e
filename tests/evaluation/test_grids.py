"""The search of baselines reaches beyond every setting that won at the end of a range."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metaplastic.evaluation.baselines import BASELINES

RESULTS = Path(__file__).parents[2] / "results"
# below a tenth of the inputs lies the default, their square root
INSIDE = {("random-forest", "inputs")}
LOWEST = {("umap", "min_dist", 0.0)}  # nothing is below


def _records() -> dict[tuple[str, str, float], dict[str, Any]]:
    """Every search in the committed results that chose something, by baseline and setting."""
    searches = {}
    for path in RESULTS.glob("**/datasets.json"):
        if path.parent.name == "wider":  # the search beyond the winners of the others
            continue
        for entry in json.loads(path.read_text())["datasets"].values():
            for name, method in entry["methods"].items():
                record = method.get("search", {})
                for key in record.get("settings", {}):
                    searches[name, key, record["settings"][key]] = record
    return searches


@pytest.mark.parametrize(("name", "key", "won"), sorted(_records()))
def test_a_setting_that_won_has_others_on_both_sides(name: str, key: str, won: float) -> None:
    def values(settings: list[dict[str, Any]]) -> set[float]:
        default = BASELINES[name].Settings.model_fields[key].default
        given = {one.get(key, default) for one in settings}
        return {value for value in given if value is not None}

    if (name, key) in INSIDE:
        return
    tried = values([t["settings"] for t in _records()[name, key, won]["tried"]])
    now = values(list(BASELINES[name].grid))
    assert tried <= now
    assert max(now) > won
    assert min(now) < won or (name, key, won) in LOWEST
