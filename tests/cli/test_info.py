"""`metaplastic info` shows rules and runs of others without their control characters."""

from __future__ import annotations

from pathlib import Path

import jax
import pytest
from typer.testing import CliRunner

from metaplastic import save_rule
from metaplastic.cli.app import app
from metaplastic.errors import RunError
from metaplastic.hub import RuleCard
from metaplastic.rules import make_rule


def _shown(target: Path) -> str:
    result = CliRunner().invoke(app, ["info", str(target)])
    assert result.exit_code == 0, result.output
    assert all(line.isprintable() for line in result.output.split("\n"))
    return result.output


def test_a_rule(tmp_path: Path) -> None:
    card = RuleCard(title="a\x1b[2Jb", notes="c\x07d")
    save_rule(make_rule("hebbian", jax.random.key(0)), tmp_path / "r.safetensors", card)
    text = _shown(tmp_path / "r.safetensors")
    assert "a\N{REPLACEMENT CHARACTER}[2Jb" in text
    assert "c\N{REPLACEMENT CHARACTER}d" in text


def test_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def metrics(path: Path, warn) -> list:
        warn("odd \x1b]0;title")
        return []

    def config(path: Path) -> None:
        raise RunError("no such rule")

    run = "metaplastic.meta.run"
    monkeypatch.setattr(f"{run}.stages.read_stages", lambda path: None)
    monkeypatch.setattr(f"{run}.metrics.read_metrics", metrics)
    monkeypatch.setattr(f"{run}.run_dir.read_settings", lambda path: {"a": "\x1b"})
    monkeypatch.setattr(f"{run}.run_dir.read_config", config)
    assert "warning: odd \N{REPLACEMENT CHARACTER}]0;title" in _shown(tmp_path)
