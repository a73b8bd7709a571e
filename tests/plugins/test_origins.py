"""Rule files and runs say where their rule is from, and import nothing by themselves."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import pytest

from metaplastic import load_rule, plugins, save_rule
from metaplastic.errors import RuleFileError
from metaplastic.hub import container
from metaplastic.meta.config_tables import make_config
from metaplastic.meta.run.run_dir import write_config
from metaplastic.rules import RULES, make_rule

from .conftest import Ended
from .scratch import installed


def test_a_rule_file_says_where_its_rule_is_from_and_imports_nothing(
    my_rule: Path,
    forget: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Ended],
) -> None:
    plugins.request([str(my_rule)])
    rule = make_rule("mine", jax.random.key(0))
    path = my_rule.parent / "a.safetensors"
    save_rule(rule, path)
    metadata = container.read(path, 10**8, RuleFileError).metadata
    assert json.loads(metadata["home"]) == {"module": "my_rule"}
    assert eqx.tree_equal(load_rule(path), rule)

    forget()
    monkeypatch.setattr(sys, "path", [str(my_rule.parent), *sys.path])  # it could be imported
    with pytest.raises(RuleFileError, match=r"'mine', of module 'my_rule': .* with --import"):
        load_rule(path)
    status, page, _ = cli("info", path)
    assert status == 0
    for words in ("mine (not known here", "defined in | my_rule", "| meta-parameters | 2 |"):
        assert words in page
    assert "my_rule" not in sys.modules

    status, page, _ = cli("info", path, "--import", my_rule)
    assert status == 0
    assert "not known" not in page
    assert type(load_rule(path)).__module__ == "my_rule"


def test_info_shows_a_run_whose_rule_is_not_imported(
    my_rule: Path, forget: Callable[[], None], cli: Callable[..., Ended]
) -> None:
    plugins.request([str(my_rule)])
    config = make_config("tiny", overrides=[{"rule": {"name": "mine"}}])
    run = my_rule.parent
    write_config(run, config)
    forget()
    status, shown, _ = cli("info", run)
    assert status == 0
    for words in ("warning: ", '"name": "mine"', "meta-step 0 of an unknown number"):
        assert words in shown
    status, shown, _ = cli("info", run, "--import", my_rule)
    assert status == 0
    assert "warning" not in shown
    assert f"meta-step 0 of {config.optimizer.meta_steps}" in shown


def test_rules_of_the_package_say_nothing(tmp_path: Path) -> None:
    save_rule(make_rule("hebbian", jax.random.key(0)), tmp_path / "a.safetensors")
    metadata = container.read(tmp_path / "a.safetensors", 10**8, RuleFileError).metadata
    assert "home" not in metadata


def test_without_the_package_its_name_is_said(tmp_path: Path, forget: Callable[[], None]) -> None:
    installed(tmp_path, "[metaplastic.rules]\nmine = scratch_rules:Mine\n")
    save_rule(make_rule("mine", jax.random.key(0)), tmp_path / "a.safetensors")
    forget()
    sys.path.remove(str(tmp_path))
    RULES._offered = None
    with pytest.raises(
        RuleFileError,
        match=r"of module 'scratch_rules' in package 'scratch-rules 1.2': if you trust it, install",
    ):
        load_rule(tmp_path / "a.safetensors")


def test_a_rule_read_as_anothers_of_its_name_warns(my_rule: Path, tmp_path: Path) -> None:
    plugins.request([str(my_rule)])
    save_rule(make_rule("mine", jax.random.key(0)), tmp_path / "a.safetensors")
    contents = container.read(tmp_path / "a.safetensors", 10**8, RuleFileError)
    metadata = {**contents.metadata, "home": json.dumps({"module": "their_rule"})}
    container.write(tmp_path / "b.safetensors", contents.arrays, metadata, RuleFileError)
    with pytest.warns(UserWarning, match="in module 'their_rule', but is read as the rule"):
        load_rule(tmp_path / "b.safetensors")
