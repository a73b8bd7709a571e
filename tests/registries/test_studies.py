"""What every study passes, with its figure and its part of the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from metaplastic.errors import ConfigError
from metaplastic.evaluation import search
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.studies import STUDIES, Context, Study, make_study
from metaplastic.figures import draw, html_tables
from metaplastic.figures.report import write_report
from metaplastic.hub import RuleCard, save_rule
from metaplastic.rules import make_rule

PROTOCOL = {"seeds": 2, "hidden": (8,), "n_features": 6, "inner_steps": 4}


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory as meta-training leaves one, with three rules of one program."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    (folder / "rules").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    lines = [
        json.dumps({"meta_step": i, "loss": 1 / i, "seconds": 1.0, "dropped": 0})
        for i in range(1, 11)
    ]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    start = make_rule("hebbian", jax.random.key(0))
    for step in (1, 5, 10):
        rule = eqx.tree_at(lambda r: r.subspace, start, jnp.asarray(step / 10))
        card = RuleCard(meta_steps=step, horizon=4, batch_size=16)
        for name in (f"rules/step-{step:09d}.safetensors", "rule.safetensors"):
            save_rule(rule, folder / name, card)
    return folder


@pytest.fixture(scope="module")
def results(a_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every study's results by its own example, with no search over baselines' settings."""
    folder = tmp_path_factory.mktemp("results")
    context = Context(named_rule(a_run), folder)
    with pytest.MonkeyPatch.context() as patch:
        for baseline in search.BASELINES.values():
            patch.setattr(baseline, "grid", baseline.grid[:1])
        for name, study in STUDIES.items():
            make_study(name, context, **(PROTOCOL | study.example)).run()
    return folder


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_refuses_an_unknown_data_set_before_it_measures(name: str, tmp_path: Path) -> None:
    one = "dataset" in STUDIES[name].Settings.model_fields
    chosen = {"dataset": "digts"} if one else {"datasets": ("digits", "digts")}
    with pytest.raises(ConfigError, match=r"unknown data set 'digts'.* Did you mean 'digits'"):
        make_study(name, Context(named_rule("hebbian"), tmp_path), **chosen)


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_studys_results_hold_settings_seeds_and_versions(name: str, results: Path) -> None:
    content = read_json(results / f"{name}.json")
    assert content["study"] == name
    assert content["title"] == STUDIES[name].title
    assert content["settings"]["seeds"] == len(content["seeds"])
    assert content["versions"]["jax"] == jax.__version__
    assert content["rule"]["meta_steps"] == 10
    assert "meta-steps only" in content["rule"]["caution"]


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_studys_figure_needs_its_file_alone_and_names_its_axes(name: str, results: Path) -> None:
    content = read_json(results / f"{name}.json")
    figure = draw(content)
    figure.canvas.draw()
    assert isinstance(html_tables(content), str)
    for axes in figure.get_axes():
        if not axes.axison or len(axes.get_xticks()) == 0:
            continue  # a picture
        shared = any(other.get_xlabel() for other in axes.get_figure().get_axes())
        assert axes.get_xlabel() or shared, name
        assert axes.get_ylabel() or axes.get_yticklabels(), name


@pytest.mark.slow
def test_the_report_holds_every_study_and_calls_nothing(results: Path) -> None:
    path, found = write_report(results, results / "deep" / "report.html")
    page = path.read_text()
    assert found == list(STUDIES)
    assert page.count("data:image/png;base64,") == len(STUDIES) + 1  # the summary's
    for outside in ("http://", "https://", 'src="/', "<script", "url("):
        assert outside not in page
    methods = read_json(results / "datasets.json")["datasets"]["digits"]["methods"]
    assert f"{methods['raw']['mean']:.3f} ±" in page


class Coin(Study):
    """A study in one file: its results hold `methods`, so that the plain figure draws them."""

    name = "coin"
    title = "Heads and tails"

    def measure(self) -> dict[str, Any]:
        sides = {"rule": 0.75, "tails": 0.25}
        methods = {n: {"title": n, "mean": m, "standard_error": 0.01} for n, m in sides.items()}
        return {"seeds": list(range(self.settings.seeds)), "methods": methods}


def test_a_study_is_one_file_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STUDIES, "coin", Coin)
    content = make_study("coin", Context(named_rule("hebbian"), tmp_path), seeds=2).run()
    axes = draw(content).get_axes()[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tails", "rule"]
    assert "0.750 ± 0.010" in html_tables(content)
    path, found = write_report(tmp_path, tmp_path / "report.html")
    assert found == ["coin"]
    assert "0.250 ± 0.010" in path.read_text()
