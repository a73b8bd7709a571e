"""The guard compares ratios; the report is a function of the results file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.jobs.contest import AGREES

from benchmarks import guard, machine, report


def _contender(seconds: float, cosine: float = 1.0) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "ms_per_task_step": seconds * 1e3 / 32,
        "cosine": cosine,
        "relative_error": 1e-5,
    }


def _results(ours: float = 1.0, torch: float = 6.0) -> dict[str, Any]:
    measured = {
        "contenders": {
            "metaplastic": _contender(ours),
            "plain JAX": _contender(2.0),
            "PyTorch loop, 1 thread": _contender(torch),
            "PyTorch vmap, 1 thread": _contender(torch + 1),
            "PyTorch compile, 1 thread": _contender(0.1, cosine=0.5),
        },
        "disagreeing": ["PyTorch compile, 1 thread"],
        "skipped": {},
        "inner_steps_per_second": 321.0,
        "counted": {"flops_of_products": 3.2e10, "bytes": 6.4e9},
        "limit": {
            "seconds": 0.4,
            "binds": "products",
            "memory_seconds": 0.2,
            "products": {"seconds": 0.4, "rate": 8e10},
        },
        "breakdown": {"by_kind": {"element-wise": 0.7}, "by_phase": {"forward": 0.3}},
    }
    return {
        "machine": {
            "processor": "Some CPU",
            "accelerators": [],
            "cores": 2,
            "system": "Linux x86_64",
            "python": "3.12.0",
            "versions": {"jax": "1.0", "torch": None},
        },
        "date": "2026-01-01",
        "load_before": 0.1,
        "quick": False,
        "seconds": 300.0,
        "contest": {
            "small": {"workload": {"tasks": 4, "steps": 8}, "placements": {"one core": measured}}
        },
    }


def test_ratios_by_hand() -> None:
    assert guard.ratios(_results()) == {
        "small, one core: times faster than PyTorch": pytest.approx(6.0),
        "small, one core: times faster than plain JAX": pytest.approx(2.0),
        "small, one core: fraction of the matrix product": pytest.approx(0.4),
    }


def test_a_baseline_whose_gradient_differs_does_not_count() -> None:
    name, _ = report.fastest(_results()["contest"]["small"]["placements"]["one core"], "PyTorch")
    assert name == "PyTorch loop, 1 thread"
    assert AGREES > 0.999


def test_only_falls_beyond_a_quarter_are_reported() -> None:
    assert guard.fallen(_results(ours=1.3), _results()) == []
    lines = guard.fallen(_results(ours=1.4), _results())
    assert len(lines) == 3
    assert "fell from 6.00 to 4.29" in lines[0]
    assert guard.fallen(_results(torch=4.0), _results()) == [
        "small, one core: times faster than PyTorch fell from 6.00 to 4.00, by more than 25%"
    ]


def test_a_machine_twice_as_slow_is_no_regression() -> None:
    slow = _results()
    measured = slow["contest"]["small"]["placements"]["one core"]
    for one in measured["contenders"].values():
        one["seconds"] *= 2
        one["ms_per_task_step"] *= 2
    measured["limit"]["products"]["seconds"] *= 2
    assert guard.fallen(slow, _results()) == []


def test_the_status_says_whether_one_fell(tmp_path: Path, capsys) -> None:
    now, before = tmp_path / "now.json", tmp_path / "before.json"
    before.write_text(json.dumps(_results()))
    now.write_text(json.dumps(_results(ours=2.0)))
    assert guard.check(now, before) == 1
    assert "times faster than PyTorch fell" in capsys.readouterr().err
    assert guard.check(before, before) == 0
    assert guard.check(now) == 0  # nothing committed of that name
    assert "nothing to compare" in capsys.readouterr().out


def test_failed_placements_are_left_out() -> None:
    broken = _results()
    broken["contest"]["small"]["placements"]["2 cores"] = {"failed": "no result within 300 s"}
    assert guard.ratios(broken) == guard.ratios(_results())
    assert "2 cores" not in report.tables(broken).partition("#### Meta-gradient")[2]


def test_a_placement_that_newly_fails_is_reported() -> None:
    broken = _results()
    broken["contest"]["small"]["placements"]["one core"] = {"failed": "AttributeError: activation"}
    lines = ["small, one core: AttributeError: activation, where there was a result before"]
    assert guard.fallen(broken, _results()) == lines
    assert guard.fallen(broken, broken) == []
    assert guard.fallen(_results(), broken) == []


def test_a_baseline_that_newly_disagrees_is_reported() -> None:
    before, now = _results(), _results()
    baseline = "PyTorch loop, 1 thread"
    now["contest"]["small"]["placements"]["one core"]["disagreeing"].append(baseline)
    (line,) = guard.fallen(now, before)
    assert baseline in line
    assert "agreed before" in line
    assert guard.fallen(before, now) == []


def test_tables_hold_the_figures() -> None:
    text = report.tables(_results())
    assert "| `small`, one core | metaplastic | 31.25 | 1.00 × |  |" in text
    assert "| `small`, one core | plain JAX | 62.50 | 2.00 × | 1.000000, 1.0e-05 |" in text
    assert "its gradient differs from ours" in text
    assert "| 40 % | 321 |" in text
    assert "torch" not in text.splitlines()[2]


def test_rounding_keeps_what_is_no_float() -> None:
    assert report.rounded({"a": [1.2345678, 3, "x", None, True]}) == {
        "a": [1.2346, 3, "x", None, True]
    }


def test_a_machines_name_is_short_and_neutral(monkeypatch) -> None:
    monkeypatch.setattr(machine, "processor", lambda: "Intel(R) Xeon(R) CPU E5-2670 @ 2.60GHz")
    monkeypatch.setattr(machine, "cores", lambda: [0, 1, 2])
    assert machine.name([]) == "cpu3-intel-xeon-e5"
    assert machine.name(["NVIDIA H200", "NVIDIA H200"]) == "gpu2-nvidia-h200"
