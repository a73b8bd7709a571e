"""`metaplastic regress` as a user with a table and few targets calls it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from metaplastic import PlasticRegressor, save_rule
from metaplastic.rules import make_rule

from .calls import call


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    return call(monkeypatch, "regress", *arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """120 rows, a target that is linear in them but for noise, known of every fourth row."""
    import jax

    monkeypatch.chdir(tmp_path)
    save_rule(make_rule("hebbian", jax.random.key(0)), "rule.safetensors")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    y = x @ [3.0, -2.0, 0.0, 1.0] - 5 + 0.1 * rng.normal(size=120)
    with Path("t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "a", "b", "c", "d", "y"])
        for i in range(120):
            writer.writerow([f"r{i}", *x[i], y[i] if i % 4 == 0 else ["", "NA"][i % 2]])
    text = Path("t.csv").read_text().replace(",", ";").replace(".", ",")
    Path("comma.csv").write_text(text)
    np.save("y.npy", y)
    return tmp_path


ARGUMENTS = ("t.csv", "--target", "y", "--index", "id", "--rule", "rule.safetensors")


def predictions(path: str) -> np.ndarray:
    with Path(path).open(newline="") as file:
        return np.array([float(row["prediction"]) for row in csv.DictReader(file)])


def test_every_row_gets_a_number(folder: Path, monkeypatch, capsys) -> None:
    assert run(monkeypatch, *ARGUMENTS, "--out", "p.csv", "--model", "m.safetensors") == 0
    said = capsys.readouterr()
    assert "p.csv: 120 rows, learned from 30 targets" in said.out
    assert said.out.count("leave-one-out root mean squared error") == 2
    assert "120 rows, 4 columns" in said.err
    with Path("p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["name", "target", "prediction"]
    assert [row["name"] for row in rows] == [f"r{i}" for i in range(120)]
    assert [row["target"] != "" for row in rows] == [i % 4 == 0 for i in range(120)]
    predicted, y = predictions("p.csv"), np.load("y.npy")
    assert np.mean((predicted - y) ** 2) < 0.05 * np.var(y)
    model = PlasticRegressor.load("m.safetensors")
    assert model.feature_names_in_.tolist() == [*"abcd"]
    table = np.loadtxt("t.csv", delimiter=",", skiprows=1, usecols=(1, 2, 3, 4))
    del model.feature_names_in_
    np.testing.assert_allclose(model.predict(table), predicted, rtol=1e-8)


@pytest.mark.parametrize("in_the_address", [False, True])
def test_targets_may_have_decimal_commas(in_the_address: bool, folder: Path, monkeypatch) -> None:
    assert run(monkeypatch, *ARGUMENTS, "-q", "--readout", "inputs", "--out", "p.csv") == 0
    given = ("comma.csv", "--delimiter", ";", "--decimal", ",")
    if in_the_address:
        given = ("csv:comma.csv?delimiter=;&decimal=,",)
    more = (*ARGUMENTS[1:], "-q", "--readout", "inputs", "--out", "q.csv")
    assert run(monkeypatch, *given, *more) == 0
    np.testing.assert_allclose(predictions("q.csv"), predictions("p.csv"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("t.csv", "--target", "none", "--out", "p.csv"), "no column named 'none'"),
        (("t.csv", "--target", "id", "--ignore", "y", "--out", "p.csv"), "row 1: 'r0' is text"),
        (("comma.csv", "--delimiter", ";", *ARGUMENTS[1:], "--out", "p.csv"), "decimal comma"),
        ((*ARGUMENTS, "--out", "p.csv", "--readout", "logistic"), "unknown readout 'logistic'"),
        ((*ARGUMENTS, "--out", "p.npy"), ".csv, .parquet"),
        ((*ARGUMENTS, "--out", "t.csv"), "is an input file"),
        (("digits", "--target", "y", "--out", "p.csv"), "digits is not one"),
    ],
)
def test_mistakes_are_one_line(arguments, words: str, folder: Path, monkeypatch, capsys) -> None:
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "t.csv: 120" not in error
    assert error.count("\n") == 1
    assert not Path("p.csv").exists()


@pytest.mark.parametrize(
    ("last", "words"),
    [("", "only one sample has a target"), ("inf", "row 120: 'inf' is not a finite number")],
)
def test_targets_that_do_not_suffice(
    last: str, words: str, folder: Path, monkeypatch, capsys
) -> None:
    rows = [f"{i},{i % 7},{3.5 if i == 0 else last if i == 119 else ''}\n" for i in range(120)]
    Path("few.csv").write_text("a,b,y\n" + "".join(rows))
    arguments = ("few.csv", "--target", "y", "--rule", "rule.safetensors", "-q", "--out", "p.csv")
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
