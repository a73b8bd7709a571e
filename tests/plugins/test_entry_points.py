"""Entry points of installed packages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import equinox as eqx
import jax
import pytest

from metaplastic import load_rule, save_rule
from metaplastic.errors import ConfigError, RuleFileError
from metaplastic.hub import container, rule_page
from metaplastic.rules import RULES, make_rule
from metaplastic.tasks import GENERATORS

from .scratch import installed


def test_a_packages_entry_points_are_found_and_imported_when_asked_for(tmp_path: Path) -> None:
    points = "[metaplastic.rules]\nmine = scratch_rules:Mine\n"
    installed(tmp_path, points + "[metaplastic.tasks]\nown-shapes = scratch_rules:Own\n")
    assert "mine" in RULES
    assert list(RULES) == [*RULES.built_in, "mine"]
    assert len(RULES) == len(RULES.built_in) + 1
    assert list(GENERATORS)[-1] == "own-shapes"
    assert "scratch_rules" not in sys.modules  # so far they are names
    rule = make_rule("mine", jax.random.key(0))
    assert type(rule).__module__ == "scratch_rules"
    save_rule(rule, tmp_path / "a.safetensors")
    assert eqx.tree_equal(load_rule(tmp_path / "a.safetensors"), rule)
    assert "defined in | scratch_rules scratch-rules 1.2 |" in rule_page(tmp_path / "a.safetensors")
    metadata = container.read(tmp_path / "a.safetensors", 10**8, RuleFileError).metadata
    wanted = {"module": "scratch_rules", "package": "scratch-rules", "version": "1.2"}
    assert json.loads(metadata["home"]) == wanted


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("gone = scratch_rules:Gone", "'gone' cannot be loaded from scratch_rules:Gone of package"),
        ("table = builtins:dict", "builtins:dict of package scratch-rules 1.2 is not a rule"),
        ("other = scratch_rules:Mine", "registered as the rule 'other', but its `name` is 'mine'"),
    ],
)
def test_an_entry_point_that_is_no_rule_is_refused(
    point: str, message: str, tmp_path: Path
) -> None:
    installed(tmp_path, f"[metaplastic.rules]\n{point}\n")
    with pytest.raises(ConfigError, match=message):
        RULES.get(point.partition(" ")[0])


def test_an_entry_point_of_a_name_that_is_taken_is_left_out(tmp_path: Path) -> None:
    installed(tmp_path, "[metaplastic.rules]\nlocal = scratch_rules:Mine\n")
    with pytest.warns(UserWarning, match="'local' of package scratch-rules 1.2 .* is ignored"):
        assert list(RULES) == list(RULES.built_in)
    assert RULES["local"].__module__.startswith("metaplastic.")
