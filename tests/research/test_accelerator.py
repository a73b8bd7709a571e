"""Runs in chunks on a machine that is lent: what travels, and that nothing is lost on the way."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from research.accelerator import (
    AcceleratorError,
    chunk,
    pack,
    source_files,
    state_files,
    unpack,
)
from tests.cli.engine_runs import ENVIRONMENT, SETTINGS

from metaplastic.meta.run.metrics import read_metrics


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "tables"
    folder.mkdir(parents=True)
    np.savez(folder / "letter.npz", X=np.zeros((4, 2)), y=np.arange(4) % 2)
    np.savez(folder / "adult.npz", X=np.zeros((4, 2)), y=np.arange(4) % 2)
    return tmp_path / "data"


def _recipe(tmp_path: Path, sources: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(f"[tasks]\nsources = {sources}\n")
    return path


def test_a_pack_holds_what_the_sources_read_and_no_more(data_dir: Path, tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, '["glyphs", "tables", "table:letter", "table:letter"]')
    out = tmp_path / "packed.zip"
    assert pack(recipe, data_dir, out) == out.stat().st_size
    assert zipfile.ZipFile(out).namelist() == ["tables/letter.npz"]


def test_a_pack_too_large_to_travel_is_refused(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("research.accelerator.LIMIT", 100)
    out = tmp_path / "packed.zip"
    with pytest.raises(AcceleratorError, match="name fewer sources"):
        pack(_recipe(tmp_path, '["table:letter"]'), data_dir, out)
    assert not out.exists()


def test_a_missing_file_is_named(data_dir: Path) -> None:
    with pytest.raises(AcceleratorError, match=r"avila\.npz is not a file"):
        source_files(["table:avila"], data_dir)


def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "state.zip", "w") as archive:
        archive.writestr("../outside", b"x")
    with pytest.raises(AcceleratorError, match="outside of its folder"):
        unpack(tmp_path / "state.zip", tmp_path / "run")
    assert not (tmp_path / "outside").exists()


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.zip").write_bytes(b"PK damaged")
    with pytest.raises(AcceleratorError, match="not a readable archive"):
        unpack(tmp_path / "state.zip", tmp_path / "run")


def test_an_archive_that_would_fill_the_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("research.accelerator.UNPACKED_LIMIT", 10)
    with zipfile.ZipFile(tmp_path / "state.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(11))
    with pytest.raises(AcceleratorError, match="more than 10 bytes"):
        unpack(tmp_path / "state.zip", tmp_path / "run")
    assert not (tmp_path / "run" / "zeros").exists()


def test_rules_of_the_ladder_travel_and_of_checkpoints_the_last(tmp_path: Path) -> None:
    for name in ("config.json", "rules/step-1.safetensors", "rules/step-2.safetensors",
                 "checkpoints/step-1.safetensors", "checkpoints/step-2.safetensors"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert {path.relative_to(tmp_path).as_posix() for path in state_files(tmp_path)} == {
        "config.json", "rules/step-1.safetensors", "rules/step-2.safetensors",
        "checkpoints/step-2.safetensors",
    }  # fmt: skip


def test_a_run_that_cannot_start_leaves_no_state(data_dir: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.zip"
    pack(_recipe(tmp_path, '["glyphs"]'), data_dir, data)
    recipe = _recipe(tmp_path, '["no-such-source"]')
    assert chunk(recipe, data, tmp_path / "state.zip", 600, []) == 2
    assert not (tmp_path / "state.zip").exists()


@pytest.mark.slow
def test_two_chunks_are_the_run_that_never_stopped(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    recipe, data = _recipe(tmp_path, '["glyphs"]'), tmp_path / "data.zip"
    pack(recipe, data_dir, data)
    losses = {}
    whole = [*SETTINGS, "--meta-steps=4"]
    for name, chunks in {"cut": ([*whole, "--until=2"], []), "whole": (whole,)}.items():
        state = tmp_path / f"{name}.zip"
        for options in chunks:
            assert chunk(recipe, data, state, 600, options) == 0
        unpack(state, tmp_path / name)
        losses[name] = [line["loss"] for line in read_metrics(tmp_path / name)]
    assert len(losses["cut"]) == 4
    assert losses["cut"] == losses["whole"]
