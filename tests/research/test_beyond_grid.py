"""A setting beyond a baseline's grid is compared with what each search chose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from research import beyond_grid

RECORD: dict[str, Any] = {
    "settings": {"steps": 30, "masked": 0.6},
    "sets": ["a", "b"],
    "tried": [
        {"settings": {}, "mean": 0.5},
        {"settings": {"masked": 0.6, "steps": 30}, "mean": 0.6},
    ],
}


def test_the_gain_is_the_mean_over_the_sets_of_the_search_less_that_of_the_choice() -> None:
    found = beyond_grid.compare(RECORD, {"a": [0.5, 0.7], "b": [0.8, 0.8], "c": [0.0, 0.0]})
    assert found["chosen"] == RECORD["settings"]
    assert found["mean_beyond"] == pytest.approx(0.7)
    assert found["gain"] == pytest.approx(0.1)


def test_searches_are_told_apart_by_their_sets() -> None:
    other = RECORD | {"sets": ["b", "c"]}
    content = {
        "datasets": {
            "x": {"methods": {"dae": {"search": RECORD}, "raw": {"search": {"tried": []}}}},
            "y": {"methods": {"dae": {"search": RECORD}}},
            "z": {"methods": {"dae": {"search": other}}},
            "without": {"methods": {}},
        }
    }
    assert beyond_grid.records(content, "dae") == {("a", "b"): RECORD, ("b", "c"): other}
    assert beyond_grid.records(content, "raw") == {}


def test_results_that_are_missing_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "beyond.json"
    assert beyond_grid.main(["--results", str(tmp_path), "--out", str(out)]) == 2
    assert "datasets.json" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("name", ["raw", "no-such"])
def test_a_baseline_without_a_search_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "beyond.json"
    results = str(beyond_grid.OUT.parents[3] / "results")
    assert beyond_grid.main(["--baseline", name, "--results", results, "--out", str(out)]) == 2
    assert f"no search of baseline '{name}'" in capsys.readouterr().err
    assert not out.exists()


def test_the_committed_file_is_of_the_search_that_the_results_have() -> None:
    content = json.loads(beyond_grid.OUT.read_text())
    results = beyond_grid.OUT.parents[3] / "results" / "datasets.json"
    records = beyond_grid.records(json.loads(results.read_text()), content["baseline"])
    assert content["searches"] == [
        beyond_grid.compare(record, content["accuracy"]) for record in records.values()
    ]
