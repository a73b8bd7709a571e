"""`metaplastic predict` gives new rows what `classify` and `regress` gave theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metaplastic.encoder import PlasticRegressor

from .calls import call, table

FILES = Path(__file__).parents[1] / "encoder" / "files"
ENCODER, CLASSIFIER, REGRESSOR = (
    str(FILES / f"{name}-v1.safetensors") for name in ("encoder", "classifier", "regressor")
)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    return call(monkeypatch, "predict", *arguments)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [",".join(map(str, row)) for row in np.eye(4)]
    text = "name,a,b,c,d\n" + "".join(f"r{i},{line}\n" for i, line in enumerate(lines))
    Path("new.csv").write_text(text)
    return tmp_path


def test_classes_and_their_probabilities(monkeypatch, capsys) -> None:
    assert run(monkeypatch, CLASSIFIER, "new.csv", "--index", "name", "--out", "c.csv") == 0
    assert "c.csv: 4 rows, each with its class" in capsys.readouterr().out
    rows = table("c.csv")
    assert [row["name"] for row in rows] == ["r0", "r1", "r2", "r3"]
    assert [row["class"] for row in rows] == ["a", "a", "a", "b"]
    assert float(rows[3]["probability of b"]) == pytest.approx(0.422151, abs=1e-5)


def test_numbers(monkeypatch) -> None:
    assert run(monkeypatch, REGRESSOR, "new.csv", "--drop", "name", "--out", "n.csv") == 0
    predicted = [float(row["prediction"]) for row in table("n.csv")]
    np.testing.assert_allclose(predicted, [0.999434, 1.997852, 0.004946, -0.999961], atol=1e-5)


def test_columns_are_left_out_by_classifys_word_too_and_nothing_is_printed_if_asked(
    monkeypatch, capsys
) -> None:
    asked = (REGRESSOR, "new.csv", "--ignore", "name", "--out", "n.csv", "-q")
    assert run(monkeypatch, *asked) == 0
    assert capsys.readouterr() == ("", "")
    assert len(table("n.csv")) == 4


def test_columns_that_the_model_does_not_know_are_named_before_their_cells_are_read(
    monkeypatch, capsys
) -> None:
    model = PlasticRegressor.load(REGRESSOR)
    model.feature_names_in_ = np.array(["a", "b", "c", "d"], dtype=object)
    model.save("m.safetensors")
    Path("more.csv").write_text("note,d,c,b,a,day\nhello,1,2,3,4,monday\n")
    assert run(monkeypatch, "m.safetensors", "more.csv", "--out", "n.csv") == 2
    said = capsys.readouterr().err
    assert "too many: note, day (leave out with --drop note,day)" in said
    assert (
        run(monkeypatch, "m.safetensors", "more.csv", "--drop", "note,day", "--out", "n.csv") == 0
    )
    Path("same.csv").write_text("a,b,c,d\n4,3,2,1\n")
    assert run(monkeypatch, "m.safetensors", "same.csv", "--out", "s.csv") == 0
    assert table("n.csv") == table("s.csv")


def test_a_data_set_is_found_in_the_data_directory(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "sets" / "tables").mkdir(parents=True)
    np.savez(tmp_path / "sets" / "tables" / "new.npz", X=np.eye(4), y=np.arange(4) % 2)
    asked = (REGRESSOR, "table:new", "--split", "all", "--out", "n.csv")
    assert run(monkeypatch, *asked) == 2
    assert run(monkeypatch, *asked, "--data-dir", "sets") == 0
    assert len(table("n.csv")) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((ENCODER, "new.csv", "--out", "c.csv"), "PlasticEncoder.load reads it"),
        (("none.safetensors", "new.csv", "--out", "c.csv"), "no such file"),
        (("new.csv", "new.csv", "--out", "c.csv"), "not a safetensors file"),
        ((CLASSIFIER, "new.csv", "--drop", "name,a", "--out", "c.csv"), "3 columns, but"),
        ((CLASSIFIER, "new.csv", "--out", "c.csv"), "column 'name'"),
        ((CLASSIFIER, "new.csv", "--drop", "name", "--out", "new.csv"), "is an input file"),
        ((CLASSIFIER, "new.csv", "--drop", "name", "--out", "c.npy"), ".csv, .parquet"),
    ],
)
def test_mistakes_are_one_line(arguments, words: str, monkeypatch, capsys) -> None:
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert not Path("c.csv").exists()
