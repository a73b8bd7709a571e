"""Recipes of research and the runs that repeat one of them: valid, resumable, and summed up."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from research.curves import draw, progress_of
from research.short_runs import GROUPS, META_SEEDS, RECIPE, command, is_finished, runs_of, summary

from metaplastic.meta.config_tables import make_config, parse_override
from metaplastic.meta.run.stages import make_stages
from metaplastic.rules.local.settings import LocalSettings

RECIPES = RECIPE.parent
HELD_OUT = {"mnist", "fashion_mnist", "imdb", "digits"}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_of_research_is_valid_on_its_preset(path: Path) -> None:
    asked = re.search(r"--preset (\w+)", path.read_text())
    for stage in make_stages(Path("runs"), asked.group(1) if asked else "quick", path):
        names = {source.partition("@")[0] for source in stage.config.tasks.sources}
        assert not names & HELD_OUT


def test_the_recipe_of_the_seeds_setting_changes_sizes_alone() -> None:
    whole, small = make_config("seed"), make_config("seed", RECIPES / "seed.toml")
    for same in ("rule", "objective", "estimator"):
        assert getattr(small, same) == getattr(whole, same)
    assert small.tasks.sources == whole.tasks.sources
    assert small.tasks.architectures.units == whole.tasks.architectures.units
    assert small.unroll.late_weight == 0


@pytest.mark.parametrize("group", GROUPS)
def test_runs_of_a_group_differ_in_what_they_are_named_after(group: str) -> None:
    runs = runs_of(group)
    assert len({run.folder for run in runs}) == len(runs)
    plain = make_config("quick", RECIPE)
    for run in runs:
        config = make_config("quick", RECIPE, [parse_override(change) for change in run.changes])
        assert config.tasks == plain.tasks
        if run.name != "averaged":
            assert config.optimizer == plain.optimizer
        assert config.unroll.neighbours == (7 if run.name.startswith("near") else 0)
        if run.name.startswith("without-"):
            assert LocalSettings(**config.rule.settings).without == (run.name.partition("-")[2],)
    if group not in ("parts", "senses", "minibatches", "terms"):
        seeds = [run.seed for run in runs]
        assert seeds == list(META_SEEDS) * (len(runs) // len(META_SEEDS))


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    run = runs_of("distances")[-1]
    fresh = command(run, tmp_path, None)
    assert "--set=objective.settings.distance=squared" in fresh
    assert "--resume" not in fresh
    assert "--meta-steps=100" in command(run, tmp_path, None, 100)
    longer = next(run for run in runs_of("estimators") if run.name == "pes")
    assert "--meta-steps=400" in command(longer, tmp_path, None, 100)
    assert "--meta-steps=1600" in command(longer, tmp_path, None)
    assert "--set=validation.every=100" in command(longer, tmp_path, None, 100, 25)
    (tmp_path / run.folder).mkdir()
    (tmp_path / run.folder / "config.json").write_text("{}")
    assert "--resume" in command(run, tmp_path, None)


def test_a_run_is_finished_once_it_has_made_its_last_meta_step(tmp_path: Path) -> None:
    assert not is_finished(tmp_path)
    (tmp_path / "rule.safetensors").touch()
    (tmp_path / "config.json").write_text('{"optimizer": {"meta_steps": 3}}')
    for steps, finished in ((0, False), (2, False), (3, True)):
        line = {"loss": 0.5, "seconds": 1.0, "dropped": 0, "inner_steps": 9, "truncations": 4}
        lines = [json.dumps({"meta_step": i + 1, **line}) + "\n" for i in range(steps)]
        (tmp_path / "metrics.jsonl").write_text("".join(lines))
        assert is_finished(tmp_path) == finished


def test_what_runs_wrote_down_is_gathered_and_what_is_missing_named(tmp_path: Path) -> None:
    first, second, third = runs_of("seeds")
    for run, losses in ((first, (0.9, 0.5)), (second, (0.8, 0.4))):
        (tmp_path / run.folder).mkdir()
        lines = [
            {"meta_step": i, "loss": loss, "seconds": 2.0 * i, "dropped": i, "truncations": 4,
             "task_gradient_norm": float(i)}
            for i, loss in enumerate(losses, 1)
        ]  # fmt: skip
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / run.folder / "metrics.jsonl").write_text(text)
    content = summary("seeds", tmp_path)
    assert content["missing"] == [third.folder]
    assert content["runs"]["whole"]["1"]["dropped"] == 3
    assert content["runs"]["whole"]["1"]["gradient_norm_median"] == 1.5
    assert content["runs"]["whole"]["2"]["final_loss"] == pytest.approx(0.6)
    assert f"whole={tmp_path / first.folder}" in content["study"]


def test_the_progress_of_runs_is_drawn_as_it_was_summarised() -> None:
    content = json.loads((RECIPES.parent / "results" / "short" / "seeds.json").read_text())
    progress, spread = draw(content).axes
    run = content["runs"]["whole"]["2"]
    minutes, accuracies = progress_of(run)
    assert np.allclose(progress.lines[1].get_xydata(), np.transpose([minutes, accuracies]))
    assert accuracies[-1] == run["validation_accuracy"]["60"]
    assert len(spread.lines[0].get_xdata()) == len(content["runs"]["whole"])  # pyright: ignore
