"""Recipes: each is a valid configuration, and the shipped rule's stages follow on one another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metaplastic.data.domains import known_sets
from metaplastic.hub import load_card, rule_page
from metaplastic.meta.config import differing_fields, parse_config
from metaplastic.meta.run.stages import make_stages, read_stages
from metaplastic.tasks.generators import GENERATORS

RECIPES = Path(__file__).parents[1] / "recipes"
EXPERIMENTS = RECIPES.parent / "research" / "recipes"
RECORDS = RECIPES.parent / "results" / "default"
HELD_OUT = {"mnist", "fashion_mnist", "imdb", "digits"}

STAGES = (
    make_stages(Path("runs/default"), file=RECIPES / "default.toml") if RECIPES.is_dir() else []
)

pytestmark = pytest.mark.skipif(not RECIPES.is_dir(), reason="recipes/ is not in this checkout")


@pytest.mark.parametrize(
    "path",
    sorted([*RECIPES.glob("*.toml"), *EXPERIMENTS.glob("*.toml")]),
    ids=lambda path: path.stem,
)
def test_every_recipe_is_valid_and_trains_on_nothing_held_out(path: Path) -> None:
    for stage in make_stages(Path("runs"), file=path):
        names = {source.partition("@")[0] for source in stage.config.tasks.sources}
        assert not names & HELD_OUT
        tables = {name for name in names if name.startswith("table:")}
        assert {known_sets()[name.removeprefix("table:")].role for name in tables} <= {"meta-train"}
        assert names - tables <= {"omniglot", "imagenet", "cifar10", "glyphs", *GENERATORS}


@pytest.mark.parametrize("number", range(1, len(STAGES) + 1))
def test_the_record_of_every_stage_is_of_its_recipe(number: int) -> None:
    stage, record = STAGES[number - 1], RECORDS / f"stage-{number}"
    table = json.loads((record / "config.json").read_text())
    table["engine"] = "local"  # the command's choice, not the recipe's
    assert differing_fields(parse_config(table), stage.config) == []
    lines = (record / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["meta_step"] for line in lines]
    assert steps == list(range(1, stage.last + 1))


def test_the_records_are_a_run_of_the_recipe() -> None:
    """The last stage's rule is the run's; cards count every meta-step before them, and the shipped
    one the time of all stages."""
    recorded = read_stages(RECORDS)
    assert recorded is not None
    assert [stage.until for stage in recorded] == [stage.until for stage in STAGES]
    cards = [load_card(stage.path / "rule.safetensors") for stage in recorded]
    done = 0
    for stage, card in zip(STAGES, cards, strict=True):
        assert (card.earlier_meta_steps, card.meta_steps) == (done, stage.last)
        done += stage.last
    rules = (RECORDS / "rule.safetensors", recorded[-1].path / "rule.safetensors")
    assert rules[0].read_bytes() == rules[1].read_bytes()
    assert load_card("default") == cards[-1]
    seconds = sum(card.wall_clock_seconds or 0.0 for card in cards)
    assert load_card("default").seconds_in_all == pytest.approx(seconds)
    assert "| duration | 8 h 24 min |" in rule_page("default")
