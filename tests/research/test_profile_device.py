"""The profile of a group's meta-gradient: groups that do not exist, traces without a device."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from research import profile_device


def test_a_trace_without_an_accelerator_has_no_kernels(tmp_path: Path) -> None:
    with jax.profiler.trace(str(tmp_path)):
        jax.block_until_ready(jnp.ones(3) + 1)
    assert list(tmp_path.rglob("*.xplane.pb"))
    assert not profile_device.kernels(tmp_path)


def test_a_group_that_does_not_exist_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('groups = 2\ntasks.sources = ["shapes"]\n')
    arguments = ["profile_device", f"--recipe={recipe}", "--group=3"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="2"):
        profile_device.main()
    assert "--group 3: the recipe has groups 1 to 2" in capsys.readouterr().err
