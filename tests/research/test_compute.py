"""Accuracy against hours of meta-training: hours over stages, and the line through rungs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from research.compute import FACTOR, draw, fit, hours_by_meta_step, stages_in, summarise

from metaplastic.evaluation.results import read_json

ROOT = Path(__file__).resolve().parents[2]


def write_stage(path: Path, seconds: list[float]) -> Path:
    path.mkdir()
    lines: list[dict[str, Any]] = [
        {"meta_step": number, "loss": 1.0, "dropped": 0, "seconds": value}
        for number, value in enumerate(seconds, start=1)
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_hours_and_meta_steps_add_up_over_stages(tmp_path: Path) -> None:
    stages = [write_stage(tmp_path / "1", [1800.0, 3600.0]), write_stage(tmp_path / "2", [900.0])]
    assert hours_by_meta_step(stages) == {1: 0.5, 2: 1.0, 3: 1.25}


def test_points_on_a_line_give_the_line_without_any_width() -> None:
    hours = [1.0, 10.0, 100.0]
    line = fit(hours, [0.5, 0.6, 0.7])
    assert line.slope == pytest.approx(0.1)
    assert line.at(1000.0) == pytest.approx(0.8)
    assert line.hours_at(0.9) == pytest.approx(10_000.0)
    assert line.slope_interval == pytest.approx((0.1, 0.1), abs=1e-6)
    assert line.further == FACTOR * 100.0
    assert line.further_interval == pytest.approx((0.8, 0.8), abs=1e-6)


def test_the_interval_holds_a_further_rung_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hours = np.geomspace(0.5, 8.0, 7)
    held, trials = 0, 2000
    for _ in range(trials):
        noise = rng.normal(0.0, 0.02, 8)
        line = fit(list(hours), list(0.8 + 0.03 * np.log10(hours) + noise[:7]))
        further = 0.8 + 0.03 * np.log10(line.further) + noise[7]
        held += line.further_interval[0] <= further <= line.further_interval[1]
    assert held / trials == pytest.approx(0.95, abs=0.02)


def test_a_falling_line_never_meets_a_target() -> None:
    assert fit([1.0, 10.0, 100.0], [0.7, 0.65, 0.6]).hours_at(0.9) is None


def test_two_points_have_no_interval() -> None:
    with pytest.raises(ValueError, match="needs 3 points, not 2"):
        fit([1.0, 2.0], [0.5, 0.6])


def test_the_committed_summary_is_that_of_the_committed_results() -> None:
    learned = read_json(ROOT / "results" / "learned.json")
    summary = summarise(learned, hours_by_meta_step(stages_in(ROOT / "results" / "default")))
    committed = read_json(ROOT / "research" / "results" / "compute" / "compute.json")
    assert committed["rule"] == learned["rule"]["fingerprint"]
    assert list(committed["datasets"]) == list(summary)
    for address, entry in summary.items():
        assert committed["datasets"][address]["slope"] == pytest.approx(entry["slope"])
        assert committed["datasets"][address]["hours_at_target"] == pytest.approx(
            entry["hours_at_target"]
        )
    draw(summary)
