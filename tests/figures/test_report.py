"""The report: it begins with a summary and one figure, and shows text of results as text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from metaplastic.figures.meta_training import _measure
from metaplastic.figures.report import write_report
from metaplastic.figures.summary import summarise

EVIL = "<script>alert('x')</script>\" onload=\"&{{ 7 * 7 }}"


def method(title: str, accuracy: list[float], **extra: Any) -> dict[str, Any]:
    mean = sum(accuracy) / len(accuracy)
    return {"title": title, "accuracy": accuracy, "mean": mean, "standard_error": 0.01, **extra}


def results(address: str = "digits") -> dict[str, Any]:
    methods = {
        "rule": method("learned rule", [0.90, 0.91, 0.92, 0.91]),
        "random": method("random network", [0.60, 0.62, 0.61, 0.60], paired=None),
        "pca": method("PCA", [0.90, 0.92, 0.91, 0.91], paired=None),
    }
    data = {
        "address": address,
        "test": 100,
        "classes": 10,
        "meta_trained_on": False,
        "notes": [address],
    }
    return {
        "kind": "study",
        "study": "datasets",
        "title": "Few-shot accuracy",
        "settings": {"labels_per_class": 10, "hidden": [8], "n_features": 4},
        "versions": {},
        "rule": {"label": address, "caution": address},
        "notes": [address],
        "seeds": [0, 1, 2, 3],
        "datasets": {address: {"data": data, "methods": methods}},
    }


class Reader(HTMLParser):
    """Every tag with its attributes, and all text, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def written(tmp_path: Path) -> str:
    content = results(EVIL)
    content["title"] = EVIL
    (tmp_path / "datasets.json").write_text(json.dumps(content))
    path, _ = write_report(tmp_path, tmp_path / "report.html")
    return path.read_text()


def test_what_results_hold_is_text_wherever_it_stands(written: str) -> None:
    read = Reader(written)
    assert not [tag for tag, _ in read.tags if tag == "script"]
    assert not [attributes for _, attributes in read.tags if "onload" in attributes]
    # caution, label, notes, caption, summary, title: as it was written, nothing evaluated
    assert read.text.count(EVIL) >= 6
    assert "&{49}" not in read.text
    shown = [attributes["alt"] for tag, attributes in read.tags if tag == "img"]
    assert EVIL in shown


def test_the_summary_and_one_figure_come_first(written: str) -> None:
    tags = [tag for tag, _ in Reader(written).tags]
    first = written.index("<h2")
    assert written.index('<section id="summary">') < written.index("<img") < first
    assert written[:first].count("<img") == 1
    assert tags.count("img") == 2
    assert 'name="viewport"' in written
    assert written.count('<div class="wide"><table>') == written.count("<table>")


def test_the_summary_counts_as_the_tests_do() -> None:
    summary = summarise({"datasets": results()})
    assert summary.lines[0] == "Studies: 1; rule: digits; seeds of a study: 4."
    assert (
        "Of 2 differences, 1 are significant wins of the rule and 0 are significant losses"
        in summary.lines[1]
    )
    assert "PCA: 0.910 ± 0.010" in summary.table
    assert "1 / 1 / 0" in summary.table
    assert summary.figure is not None
    assert [label.get_text() for label in summary.figure.get_axes()[0].get_yticklabels()] == [
        "digits"
    ]


def test_without_the_study_of_data_sets_the_summary_is_a_line() -> None:
    summary = summarise({"labels": {"rule": {"label": "mine"}, "seeds": [0, 1]}})
    assert summary.lines == ["Studies: 1; rule: mine; seeds of a study: 2."]
    assert summary.figure is None


@pytest.mark.parametrize(
    ("objective", "label"),
    [
        ("ridge: cosine distance, 0 to 2", "cosine distance, 0 to 2"),
        ("ridge: cosine distance; tuned-ridge: cosine distance", "cosine distance"),
        ("ridge: cosine distance; logistic: loss", "ridge: cosine distance\nlogistic: loss"),
        ("meta-objective", "meta-objective"),
    ],
)
def test_what_the_meta_loss_measures_is_named_once(objective: str, label: str) -> None:
    assert _measure(objective) == label
