"""`--neighbours` of fit, classify and regress: what it writes, and that it says so."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from metaplastic import PlasticClassifier, PlasticEncoder, save_rule
from metaplastic.rules import make_rule

from .calls import call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_rule(make_rule("hebbian", jax.random.key(0)), "rule.safetensors")
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = 2 * np.eye(6)[y] + rng.normal(size=(150, 6))
    np.save("x.npy", x.astype(np.float32))
    lines = ["a,b,c,d,e,f,kind"]
    for i, (row, label) in enumerate(zip(x, y, strict=True)):
        lines.append(",".join([*(f"{v:.4f}" for v in row), f"k{label}" if i < 30 else ""]))
    Path("t.csv").write_text("\n".join(lines) + "\n")
    numbers = [line.replace("k", "1.") if i else line for i, line in enumerate(lines)]
    Path("n.csv").write_text("\n".join(numbers) + "\n")
    return tmp_path


def test_fit_and_transform(folder: Path, monkeypatch, capsys) -> None:
    fit = ("fit", "x.npy", "--out", "m.safetensors", "--rule", "rule.safetensors", "--hidden", "8")
    assert call(monkeypatch, *fit, "--max-iter", "3", "--neighbours", "5") == 0
    assert "it holds the 150 rows (--neighbours)" in capsys.readouterr().out
    assert call(monkeypatch, "transform", "m.safetensors", "x.npy", "--out", "f.csv") == 0
    names = Path("f.csv").read_text().splitlines()[0].split(",")
    assert names == list(PlasticEncoder.load("m.safetensors").get_feature_names_out())
    assert names[-1] == "averaged_layer2_31"
    assert call(monkeypatch, *fit, "--neighbours", "-1") == 2
    assert "--neighbours" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("classify", "--label"), ("regress", "--target")])
def test_neighbours_that_would_not_be_read(folder: Path, monkeypatch, capsys, command) -> None:
    name, option = command
    arguments = (name, "t.csv", option, "kind", "--out", "out.csv", "--neighbours", "5")
    assert call(monkeypatch, *arguments, "--readout", "inputs") == 2
    error = capsys.readouterr().err
    assert "leave out --neighbours" in error
    assert error.count("\n") == 1
    assert not Path("out.csv").exists()


@pytest.mark.slow
def test_classify_and_regress(folder: Path, monkeypatch, capsys) -> None:
    options = ("--rule", "rule.safetensors", "--neighbours", "5", "--model", "m.safetensors")
    out = ("--out", "out.csv")
    assert call(monkeypatch, "classify", "t.csv", "--label", "kind", *out, *options) == 0
    told = capsys.readouterr().out
    assert "m.safetensors: holds the 150 rows (--neighbours)" in told
    assert "inputs and all layers, also averaged over neighbours: " in told
    loaded = PlasticClassifier.load("m.safetensors")
    assert loaded.encoder_.transform(np.load("x.npy")).shape[1] == 2 * (6 + 128 + 64 + 32)
    assert call(monkeypatch, "regress", "n.csv", "--target", "kind", *out, *options) == 0
    assert "m.safetensors: holds the 150 rows (--neighbours)" in capsys.readouterr().out
