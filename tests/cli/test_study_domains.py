"""`metaplastic study domains` as a user runs it, `PlasticClassifier` among its classifiers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from .calls import call


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small tables of three classes, of one shape, so that one program serves both."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables").mkdir()
    for seed, name in enumerate(("first", "second")):
        rng = np.random.default_rng(seed)
        y = np.arange(150) % 3
        x = rng.normal(size=(3, 6))[y] * 2 + rng.normal(size=(150, 6))
        np.savez(tmp_path / "tables" / f"{name}.npz", X=x, y=y)
    return tmp_path


@pytest.mark.slow
def test_it_runs_and_goes_on_from_what_is_kept(tables, monkeypatch, capsys) -> None:
    arguments = (
        *("study", "domains", "--rule", "hebbian", "--seeds", "2", "--datasets", "first,second"),
        *("--baselines", "raw", "--set", "labels=2,5", "--set", "readouts=ridge,logistic"),
        *("--set", "hidden=8", "--set", "n_features=4", "--set", "inner_steps=3"),
        *("--data-dir", str(tables)),
    )
    assert call(monkeypatch, *arguments) == 0
    content = json.loads(Path("results/domains.json").read_text())
    assert content["sets"].keys() == {"first", "second"}
    for entry in content["sets"].values():
        found = np.array(entry["methods"]["classifier"]["accuracy"]["own"])
        assert found.shape == (2, 2)  # labels per class, seeds
        assert found[1].mean() > 0.5
        assert entry["methods"]["classifier"]["seconds"] > 0
    groups = {table["readout"]: table for table in content["standings"]}
    ours = groups["classifiers"]["reference"]
    assert ours == {"method": "classifier", "readout": "own"}
    assert {row["method"] for row in groups["ridge"]["rows"]} == {"rule", "rule-all", "raw"}
    assert Path("results/domains.png").is_file()
    capsys.readouterr()
    assert call(monkeypatch, *arguments) == 0
    assert "numbers reused from an earlier run" in capsys.readouterr().out
    assert json.loads(Path("results/domains.json").read_text())["sets"] == content["sets"]


def test_a_set_that_is_not_there_is_one_line(tables, monkeypatch, capsys) -> None:
    arguments = ("study", "domains", "--rule", "hebbian", "--datasets", "letter")
    assert call(monkeypatch, *arguments, "--data-dir", str(tables)) == 2
    error = capsys.readouterr().err
    assert "tables/letter.npz" in error
    assert error.count("\n") == 1
