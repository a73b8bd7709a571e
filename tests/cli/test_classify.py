"""`metaplastic classify` as a user with a table and few labels calls it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from metaplastic import PlasticClassifier, save_rule
from metaplastic.cli.classify import _minus_ones
from metaplastic.rules import make_rule

from .calls import call


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    return call(monkeypatch, "classify", *arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """120 rows of two kinds that lie apart, ten of them labelled, columns of different units."""
    import jax

    monkeypatch.chdir(tmp_path)
    save_rule(make_rule("hebbian", jax.random.key(0)), "rule.safetensors")
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 120)
    x = (rng.normal(size=(120, 4)) + 3 * kind[:, None]) * [1e-3, 1.0, 50.0, 1e4]
    with Path("t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "a", "b", "c", "d", "kind"])
        for i in range(120):
            writer.writerow([f"r{i}", *x[i], ["cat", "dog"][kind[i]] if i < 10 else ""])
    np.save("kind.npy", kind)
    Path("inf.csv").write_text("a,kind\n" + "0.5,1\n0.7,inf\n" * 9)
    return tmp_path


ARGUMENTS = ("t.csv", "--label", "kind", "--index", "id", "--rule", "rule.safetensors")


def test_every_row_gets_a_class(folder: Path, monkeypatch, capsys) -> None:
    assert run(monkeypatch, *ARGUMENTS, "--out", "c.csv", "--model", "m.safetensors") == 0
    said = capsys.readouterr()
    assert "120 rows in 2 classes, learned from 10 labels" in said.out
    assert "120 rows, 4 columns" in said.err
    with Path("c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"r{i}" for i in range(120)]
    assert [row["label"] != "" for row in rows] == [i < 10 for i in range(120)]
    truth = np.array(["cat", "dog"])[np.load("kind.npy")]
    assert np.mean([row["class"] for row in rows] == truth) > 0.95
    for row in rows:
        p = [float(row["probability of cat"]), float(row["probability of dog"])]
        assert sum(p) == pytest.approx(1, abs=1e-6)
        assert float(row["probability"]) == max(p)
    model = PlasticClassifier.load("m.safetensors")
    assert model.feature_names_in_.tolist() == [*"abcd"]
    table = np.loadtxt("t.csv", delimiter=",", skiprows=1, usecols=(1, 2, 3, 4))
    del model.feature_names_in_
    assert model.predict(table).tolist() == [row["class"] for row in rows]


def test_a_column_may_be_ignored_and_parquet_written(folder: Path, monkeypatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    assert run(monkeypatch, *ARGUMENTS, "--ignore", "d", "-q", "--out", "c.parquet") == 0
    table = parquet.read_table("c.parquet")
    assert table.num_rows == 120
    assert table.column_names[:4] == ["name", "label", "class", "probability"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("t.csv", "--label", "none", "--out", "c.csv"), "no column named 'none'"),
        (("t.csv", "--label", "kind", "--out", "c.xlsx"), ".csv, .parquet"),
        (("t.csv", "--label", "kind", "--out", "no/c.csv"), "cannot be written"),
        (("t.csv", "--label", "kind", "--out", "c.csv"), "column 'id'"),
        ((*ARGUMENTS, "--out", "c.csv", "--model", "no/m.safetensors"), "cannot be written"),
        ((*ARGUMENTS, "--out", "c.csv", "--readout", "foo"), "unknown readout 'foo'"),
        ((*ARGUMENTS, "--out", "c.csv", "--seed", "4294967296"), "below 2^32"),
        (
            ("t.csv", "--label", "a", "--ignore", "id,kind", "--out", "c.csv"),
            "not a class; give the column of classes as --label, or predict numbers with "
            "`metaplastic regress`",
        ),
        (("inf.csv", "--label", "kind", "--out", "c.csv"), "inf is not a whole number"),
        (("none.csv", "--label", "kind", "--out", "c.csv"), "no such file"),
        ((*ARGUMENTS, "--out", "t.csv"), "t.csv: is an input file"),
        (("csv:t.csv?index=id", *ARGUMENTS[1:3], "--out", "t.csv"), "is an input file"),
        ((*ARGUMENTS, "--out", "c.csv", "--model", "t.csv"), "t.csv: is an input file"),
        ((*ARGUMENTS, "--out", "c.csv", "--model", "c.csv"), "are the same file"),
    ],
)
def test_mistakes_are_one_line(arguments, words: str, folder: Path, monkeypatch, capsys) -> None:
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert not Path("c.csv").exists()


@pytest.mark.parametrize("decimal", [".", ","])
def test_measurements_are_not_classes(decimal: str, folder: Path, monkeypatch, capsys) -> None:
    rows = "".join(f"{i};{i}{decimal}5\n" for i in range(20))
    Path("m.csv").write_text("a;y\n" + rows)
    given = ("m.csv", "--label", "y", "--delimiter", ";", "--decimal", decimal, "--out", "c.csv")
    assert run(monkeypatch, *given) == 2
    assert f"0{decimal}5 is not a whole number, so not a class" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "rows"),
    [("-1 cat", 10), ("-1 0 1", 7), ("-1.0 2", 10), ("-1 1", 0), ("0 1", 0), ("cat dog", 0)],
)
def test_minus_one_as_a_class_is_noted(labels: str, rows: int) -> None:
    names = labels.split()
    notes = _minus_ones([None, *(names[i % len(names)] for i in range(20))], ".")
    wanted = f"label: -1 is taken as a class, of {rows} rows; a blank cell means unknown"
    assert notes == ((wanted,) if rows else ())


def test_markers_of_missing_labels_may_be_classes(folder: Path, monkeypatch, capsys) -> None:
    text = Path("t.csv").read_text().replace("dog", "None").replace("cat", "?")
    Path("t.csv").write_text(text)
    asked = (*ARGUMENTS, "--out", "c.csv")
    assert run(monkeypatch, *asked) == 2  # no label is left
    assert "read as missing (missing=blank: only blank cells are)" in capsys.readouterr().err
    assert run(monkeypatch, *asked, "--missing", "blank") == 0
    said = capsys.readouterr()
    assert "120 rows in 2 classes, learned from 10 labels" in said.out
    with Path("c.csv").open(newline="") as file:
        assert {row["class"] for row in csv.DictReader(file)} == {"None", "?"}


def test_labels_of_one_class_are_refused(folder: Path, monkeypatch, capsys) -> None:
    text = Path("t.csv").read_text().replace("dog", "cat")
    Path("t.csv").write_text(text)
    assert run(monkeypatch, *ARGUMENTS, "-q", "--out", "c.csv") == 2
    assert "all labelled rows are of one class, 'cat'" in capsys.readouterr().err
