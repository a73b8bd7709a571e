"""How runs start and end: rules that cannot start a stage, and engines that are always closed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from metaplastic import save_rule
from metaplastic.errors import ConfigError, RuleFileError, RunError
from metaplastic.meta.engines import LocalEngine
from metaplastic.meta.run.orchestration import meta_train
from metaplastic.meta.run.run_dir import RunDir
from metaplastic.meta.run.stages import Stage, check_ahead
from metaplastic.meta.run.trainer import Trainer

from .conftest import tiny_config


def test_a_stage_that_cannot_grow_from_the_one_before_is_refused_first(tmp_path: Path) -> None:
    """Before the data are loaded: a first stage, too, whose `rule.start` does not fit."""
    narrow, wide = ({"settings": {"hidden": hidden}} for hidden in (3, 4))
    save_rule(tiny_config(rule=wide).rule.make(0), tmp_path / "start.safetensors")

    def check(*rules: dict) -> None:
        configs = [tiny_config(rule=rule) for rule in rules]
        stages = [Stage(tmp_path / f"stage-{i}", c) for i, c in enumerate(configs, 1)]
        check_ahead(stages, 1, None)

    check(narrow, wide)
    with pytest.raises(ConfigError, match=r"stage 3: rule\.start .* cannot grow"):
        check(narrow, wide, narrow)
    start = str(tmp_path / "start.safetensors")
    check({**wide, "start": start})
    with pytest.raises(ConfigError, match=r"stage 1: rule\.start .* cannot grow"):
        check({**narrow, "start": start})


def test_the_starting_rule_is_read_before_an_engine_is_made(
    tmp_path: Path, config, monkeypatch
) -> None:
    made = []
    monkeypatch.setattr(LocalEngine, "make", lambda *_: made.append(1))
    start = config.rule.model_copy(update={"start": str(tmp_path / "none.safetensors")})
    run = RunDir.create(tmp_path / "run", config.model_copy(update={"rule": start}))
    with pytest.raises(RuleFileError):
        Trainer(run)
    run.close()
    assert not made


def test_an_engine_is_closed_after_an_error_which_is_the_one_raised(
    tmp_path: Path, config, monkeypatch, caplog
) -> None:
    def fail(self, *_) -> None:
        raise RunError("no gradient")

    def fail_too(self) -> None:
        raise RuntimeError("no worker")

    monkeypatch.setattr(LocalEngine, "gather", fail)
    monkeypatch.setattr(LocalEngine, "close", fail_too)
    with pytest.raises(RunError, match="no gradient"):
        meta_train(config, tmp_path / "run")
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings == ["the engine could not be closed: RuntimeError: no worker"]
