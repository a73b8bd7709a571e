"""The README's tables are made from results files only, and show losses as well as wins."""

from __future__ import annotations

from typing import Any

from benchmarks.readme import domains, fill, table

from metaplastic.evaluation.results import mean_and_error
from metaplastic.evaluation.standings import standings

GOOD = [0.90, 0.91, 0.92, 0.93, 0.91]
BAD = [0.50, 0.52, 0.51, 0.53, 0.52]
CLOSE = [0.905, 0.90, 0.93, 0.92, 0.915]


def _datasets(rule: list[float], raw: list[float], pca: list[float]) -> dict[str, Any]:
    methods = {
        name: {"title": name, "accuracy": accuracy, **mean_and_error(accuracy)}
        for name, accuracy in (("rule", rule), ("raw", raw), ("pca", pca))
    }
    return {
        "rule": {"training_data": ["cifar10@16"]},
        "datasets": {"digits": {"methods": methods}, "cifar10": {"methods": methods}},
    }


def test_marks_and_bold_go_to_whoever_earned_them() -> None:
    text = table(_datasets(BAD, GOOD, [*BAD[:-1], 0.51]))
    assert "| raw | **0.914 ± 0.005** ▲ | **0.914 ± 0.005** ▲ |" in text
    assert "| rule | 0.516 ± 0.005 | 0.516 ± 0.005 |" in text
    assert "| pca | 0.514 ± 0.005 | 0.514 ± 0.005 |" in text
    assert "CIFAR-10, 32×32 †" in text
    assert "▽" in table(_datasets(GOOD, BAD, CLOSE))


def test_another_reading_of_the_rule_may_be_the_reference() -> None:
    content = _datasets(BAD, GOOD, CLOSE)
    methods = content["datasets"]["digits"]["methods"]  # both data sets' own
    methods["rule-all"] = methods.pop("raw")
    text = table({**content, "reference": "rule-all"})
    assert "| rule | 0.516 ± 0.005 ▽" in text


def test_the_domains_table_shows_losses() -> None:
    methods = {n: {"title": f"the {n}", "classifier": False} for n in ("rule-all", "raw")}
    sets = {
        name: {
            "role": "report",
            "labels": [10],
            "methods": {
                "rule-all": {"accuracy": {"ridge": [ours]}},
                "raw": {"accuracy": {"ridge": [theirs]}},
            },
        }
        for name, ours, theirs in (("a", BAD, GOOD), ("b", GOOD, CLOSE), ("c", BAD, GOOD))
    }
    content: dict[str, Any] = {
        "methods": methods,
        "sets": sets,
        "missing": {"d": "d: not there"},
        "sets_seconds": {"rule-all": 3.0, "raw": 0.0},
    }
    text = domains({**content, "standings": standings(content, "rule-all")})
    assert "Held-out sets" in text
    assert "| the raw | 1.17 | " in text
    assert text.count("the raw") == 1  # no table of classifiers where there is none
    assert " | 0 | 1 | 2 | 0 / 2 | 0.00 |" in text
    assert "3 of 4 sets measured; left out: d." in text


def test_text_without_marks_stays_as_it_was() -> None:
    assert fill("a", "table", "b") == "a"
    before = "x <!-- table:begin -->\nold\n<!-- table:end --> y"
    assert fill(before, "table", "new") == "x <!-- table:begin -->\nnew\n<!-- table:end --> y"
