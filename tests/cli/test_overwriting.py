"""No command overwrites what it reads: data, the rows' names, a rule, a model, results."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metaplastic.cli.app import app
from metaplastic.cli.overwriting import check_not_inputs
from metaplastic.errors import DataError, MetaplasticError

FILES = ("t.csv", "u.csv", "r.safetensors", "m.csv", "b.toml", "x.names.txt", "x.npz", "t.png")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).write_text("a,y\n1,2\n")
    Path("results").mkdir()
    Path("results/labels.json").write_text("{}")
    Path("photos/cat").mkdir(parents=True)
    for name in ("photos/cat/1.png", "photos/notes.txt", "photos/cat/m.safetensors"):
        Path(name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "fit t.csv --out t.csv",
        "fit csv:t.csv?drop=y --out ./t.csv",
        "fit csv:t.csv?label=y&test=u.csv --out u.csv",
        "fit t.csv --rule r.safetensors --out r.safetensors",
        "fit t.csv --model b.toml --out b.toml",
        "fit npz:x.npz --out x.npz",
        "fit photos --out photos/cat/1.png",
        "transform m.safetensors csv:t.csv?test=u.csv --out u.csv",
        "transform m.csv t.csv --out m.csv",
        "transform m.safetensors csv:x.names.txt --out x.npy",
        "classify csv:t.csv?test=u.csv --label y --out u.csv",
        "classify t.csv --label y --out c.csv --model t.csv",
        "classify t.csv --label y --out c.csv --rule r.safetensors --model r.safetensors",
        "regress t.csv --target y --out t.csv",
        "predict m.csv t.csv --out m.csv",
        "evaluate hebbian --dataset csv:t.csv?label=y --out t.csv",
        "evaluate hebbian --dataset csv:t.csv?label=y&test=u.csv --out u.csv",
        "evaluate r.safetensors --out r.safetensors",
        "data show csv:t.csv?label=y --out t.csv",
        "data show csv:t.png?label=y --out t.png",
        "report --results results --out results/labels.json",
    ],
)
def test_an_input_is_not_overwritten(command: str) -> None:
    before = {path: path.read_bytes() for path in Path().rglob("*.*")}
    result = CliRunner().invoke(app, command.split())
    assert isinstance(result.exception, MetaplasticError), result.output
    assert "is an input file; give another file to write to" in str(result.exception)
    assert {path: path.read_bytes() for path in Path().rglob("*.*")} == before


@pytest.mark.parametrize(
    ("outputs", "data", "others"),
    [
        (["t.csv"], "digits", ["default", None]),
        (["new.csv", None], "t.csv", ["r.safetensors"]),
        (["x.npz"], "t.csv", ["hf://someone/rule"]),
        (["digits"], "digits", []),  # an earlier output, not the data set
        (["photos/notes.txt"], "photos", []),  # in no class folder, so not read
        (["photos/cat/m.safetensors"], "folder:photos", []),
        (["x" * 300], "openml:iris", []),
    ],
)
def test_another_file_is_written(
    outputs: list[str | None], data: str, others: list[str | None]
) -> None:
    Path("digits").touch()
    check_not_inputs([None if out is None else Path(out) for out in outputs], data, others)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_another_name_of_an_input_is_an_input(link) -> None:
    link("t.csv", "other.csv")
    with pytest.raises(DataError, match=r"other\.csv: is an input file"):
        check_not_inputs([Path("other.csv")], "t.csv")
