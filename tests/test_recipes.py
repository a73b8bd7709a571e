"""Recipes: each is a valid configuration, and the shipped rule's stages follow on one another."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from metaplastic.meta.config import make_config, parse_config
from metaplastic.tasks.generators import GENERATORS

RECIPES = Path(__file__).parents[1] / "recipes"
RECORDS = RECIPES.parent / "results" / "default"
HELD_OUT = {"mnist", "fashion_mnist", "imdb", "digits"}

pytestmark = pytest.mark.skipif(not RECIPES.is_dir(), reason="recipes/ is not in this checkout")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid_and_trains_on_nothing_held_out(path: Path) -> None:
    config = make_config(file=path)
    names = {source.partition("@")[0] for source in config.tasks.sources}
    assert not names & HELD_OUT
    assert names <= {"omniglot", "imagenet", "cifar10", "glyphs", *GENERATORS}


def test_stages_of_the_shipped_rule_follow_on_one_another(tmp_path: Path) -> None:
    told = subprocess.run(
        ["sh", RECIPES / "default.sh", "DATA", "--engine", "mesh"],
        env={"METAPLASTIC": "echo", "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    stages = [line.split() for line in told.stdout.splitlines()]
    before = None
    for words in stages:
        assert words[0] == "meta-train"
        config = make_config(file=RECIPES.parent / words[words.index("--config") + 1])
        out = words[words.index("--out") + 1]
        assert config.rule.start == (before and f"{before}/rule.safetensors")
        if "--until" in words:
            until = int(words[words.index("--until") + 1])
            assert until < config.optimizer.meta_steps
        before = out
    assert len(stages) == len(list(RECIPES.glob("default-*.toml")))


@pytest.mark.parametrize("path", sorted(RECIPES.glob("default-*.toml")), ids=lambda path: path.stem)
def test_the_record_of_every_stage_is_of_its_recipe(path: Path) -> None:
    last = len(list(RECIPES.glob("default-*.toml")))
    name = path.stem.replace("default", "stage")
    record = RECORDS if name == f"stage-{last}" else RECORDS / name
    table = json.loads((record / "config.json").read_text())
    table["engine"] = "local"  # the command's choice, not the recipe's
    assert parse_config(table) == make_config(file=path)
    lines = (record / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["meta_step"] for line in lines]
    assert steps == list(range(1, len(steps) + 1))
