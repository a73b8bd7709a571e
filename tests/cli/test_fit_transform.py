"""`metaplastic fit` and `metaplastic transform`: files in, files out, one line for a mistake."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.sparse import csr_matrix, save_npz
from sklearn.datasets import load_digits

from metaplastic import PlasticEncoder, save_rule
from metaplastic.rules import make_rule

from .calls import call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_rule(make_rule("hebbian", jax.random.key(0)), "rule.safetensors")
    x = load_digits().data.astype(np.float32)[:300]
    np.save("x.npy", x)
    np.savetxt("x.csv", x, delimiter=",", fmt="%g", header=",".join("p" * 64), comments="")
    np.savetxt("bare.csv", x, delimiter=",", fmt="%g")
    save_npz("x.npz", csr_matrix(x))
    return tmp_path


def columns_of(model: str) -> list[str]:
    return [str(name) for name in PlasticEncoder.load(model).get_feature_names_out()]


FIT = ("--rule", "rule.safetensors", "--max-iter", "3", "--hidden", "8", "--components", "4")


def test_files_in_and_files_out(folder: Path, monkeypatch) -> None:
    assert call(monkeypatch, "fit", "x.npy", "--out", "m.safetensors", *FIT) == 0
    expected = PlasticEncoder.load("m.safetensors").transform(np.load("x.npy"))
    for given in ("x.npy", "x.csv", "bare.csv", "x.npz"):
        assert call(monkeypatch, "transform", "m.safetensors", given, "--out", "f.npy") == 0
        np.testing.assert_allclose(np.load("f.npy"), expected, atol=1e-4)
    assert call(monkeypatch, "transform", "m.safetensors", "x.npy", "--out", "f.csv") == 0
    lines = Path("f.csv").read_text().splitlines()
    assert lines[0] == ",".join(columns_of("m.safetensors"))
    np.testing.assert_allclose(np.loadtxt(lines[1:], delimiter=","), expected, rtol=1e-6)


def test_parquet(folder: Path, monkeypatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    assert call(monkeypatch, "fit", "x.npy", "--out", "m.safetensors", *FIT) == 0
    assert call(monkeypatch, "transform", "m.safetensors", "x.npy", "--out", "f.parquet") == 0
    table = parquet.read_table("f.parquet")
    assert table.column_names == columns_of("m.safetensors")
    assert call(monkeypatch, "fit", "f.parquet", "--out", "n.safetensors", "-q", *FIT) == 0
    assert PlasticEncoder.load("n.safetensors").n_features_in_ == len(table.column_names)


def test_a_data_set_by_its_address(folder: Path, monkeypatch, capsys) -> None:
    assert call(monkeypatch, "fit", "digits", "--out", "m.safetensors", *FIT) == 0
    count = len(columns_of("m.safetensors"))
    assert f"64 inputs, {count} features" in capsys.readouterr().out
    arguments = ("transform", "m.safetensors", "digits", "--split", "test", "--out", "f.npy")
    assert call(monkeypatch, *arguments) == 0
    assert np.load("f.npy").shape == (360, count)


def test_no_mistake_of_an_option_blames_the_data(folder: Path, monkeypatch, capsys) -> None:
    for option, value in (("--activation", "foo"), ("--hidden", "0"), ("--rule", "none")):
        assert call(monkeypatch, "fit", "x.npy", "--out", "m.safetensors", option, value) == 2
        error = capsys.readouterr().err
        assert "x.npy" not in error
        assert value in error


MODEL = """
inputs = [8, 8, 1]
pool = 2
[[layers]]
kind = "conv"
units = 3
stride = 2
"""


def test_a_base_model_from_a_file(folder: Path, monkeypatch, capsys) -> None:
    Path("model.toml").write_text(MODEL)
    table = tomllib.loads(MODEL)
    Path("model.json").write_text(json.dumps(table))
    options = ("--rule", "rule.safetensors", "--max-iter", "2")
    for name in ("model.toml", "model.json"):
        arguments = ("fit", "x.npy", "--out", f"{name}.safetensors", "--model", name, *options)
        assert call(monkeypatch, *arguments) == 0
        assert "64 inputs, 76 features" in capsys.readouterr().out
    loaded = PlasticEncoder.load("model.json.safetensors")
    assert loaded.model == table
    x = np.load("x.npy")
    expected = PlasticEncoder.load("model.toml.safetensors").transform(x)
    np.testing.assert_array_equal(loaded.transform(x), expected)
    arguments = ("transform", "model.json.safetensors", "x.npy", "--out", "f.csv")
    assert call(monkeypatch, *arguments) == 0
    assert Path("f.csv").read_text().splitlines()[0].endswith("layer1_r1c1_1,layer1_r1c1_2")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (MODEL, ("--components", "3", "--hidden", "4"), "leave out --hidden, --components"),
        (MODEL, ("--activation", "tanh"), "leave out --activation"),
        (MODEL.replace("8, 8", "9, 9"), (), "9 x 9 x 1 are 81 numbers per row; X has 64"),
        (MODEL.replace("conv", "konv"), (), "model.toml: .*konv"),
        (MODEL.replace("inputs", "input"), (), "model.toml: .*inputs"),
        ("[", (), "model.toml"),
        (None, (), "model.toml"),
    ],
)
def test_a_wrong_base_model_is_one_line(
    text: str | None, options: tuple[str, ...], words: str, folder: Path, monkeypatch, capsys
) -> None:
    if text is not None:
        Path("model.toml").write_text(text)
    arguments = ("fit", "x.npy", "--out", "m.safetensors", "--model", "model.toml", *options)
    assert call(monkeypatch, *arguments, "--rule", "rule.safetensors", "-q") == 2
    error = capsys.readouterr().err.strip()
    assert re.search(words, error)
    assert "\n" not in error
    assert not Path("m.safetensors").exists()


def test_columns_are_known_by_name(folder: Path, monkeypatch, capsys) -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)) * [1, 10, 100, 1000]
    np.savetxt("abcd.csv", x, delimiter=",", header="a,b,c,d", comments="")
    np.savetxt("dcba.csv", x[:, ::-1], delimiter=",", header="d,c,b,a", comments="")
    np.savetxt("more.csv", np.c_[x, x[:, 0]], delimiter=",", header="a,b,c,d,e", comments="")
    np.savetxt("fewer.csv", x[:, :3], delimiter=",", header="a,b,c", comments="")
    assert call(monkeypatch, "fit", "abcd.csv", "--out", "m.safetensors", *FIT) == 0
    assert "50 rows, 4 columns; header: yes" in capsys.readouterr().err
    assert PlasticEncoder.load("m.safetensors").feature_names_in_.tolist() == [*"abcd"]
    for given in ("abcd", "dcba"):
        arguments = ("transform", "m.safetensors", f"{given}.csv", "--out", f"{given}.npy")
        assert call(monkeypatch, *arguments) == 0
    assert "columns reordered by name to match m.safetensors" in capsys.readouterr().err
    np.testing.assert_array_equal(np.load("abcd.npy"), np.load("dcba.npy"))
    assert call(monkeypatch, "transform", "m.safetensors", "dcba.csv", "--out", "f.csv") == 0
    assert Path("f.csv").read_text().startswith("input_a,input_b,input_c,input_d,")
    assert call(monkeypatch, "transform", "m.safetensors", "more.csv", "--out", "f.npy") == 2
    assert "too many: e (leave out with --drop e)" in capsys.readouterr().err
    arguments = ("transform", "m.safetensors", "more.csv", "--drop", "e", "--out", "f.npy")
    assert call(monkeypatch, *arguments) == 0
    np.testing.assert_array_equal(np.load("f.npy"), np.load("abcd.npy"))
    capsys.readouterr()
    assert call(monkeypatch, "transform", "m.safetensors", "fewer.csv", "--out", "f.npy") == 2
    assert "missing: d" in capsys.readouterr().err
    np.save("x.npy", x)
    assert call(monkeypatch, "transform", "m.safetensors", "x.npy", "--out", "f.npy") == 0
    assert "x.npy has no column names" in capsys.readouterr().err


def test_every_file_of_a_folder_has_its_row(folder: Path, monkeypatch, capsys) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    expected = []
    for label in "pq":
        (Path("photos") / label).mkdir(parents=True)
        for i in range(10):
            name = f"{label}/{i}.png"
            Image.fromarray(rng.integers(0, 256, (4, 4), dtype=np.uint8)).save(f"photos/{name}")
            expected.append(name)
    assert call(monkeypatch, "fit", "folder:photos", "--out", "m.safetensors", *FIT) == 0
    assert "folder:photos: 20 rows, 16 columns" in capsys.readouterr().err
    for out in ("f.npy", "f.csv", "f.parquet"):
        if out == "f.parquet":
            pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
        assert call(monkeypatch, "transform", "m.safetensors", "photos", "--out", out) == 0
    assert Path("f.names.txt").read_text().splitlines() == expected
    features = np.load("f.npy")
    assert len(features) == 20
    first, *lines = [line.split(",") for line in Path("f.csv").read_text().splitlines()]
    columns = columns_of("m.safetensors")
    assert first == ["name", *columns]
    assert [line[0] for line in lines] == expected
    np.testing.assert_allclose(np.array([line[1:] for line in lines], float), features, rtol=1e-6)
    import pyarrow.parquet as parquet

    table = parquet.read_table("f.parquet")
    assert table.column("name").to_pylist() == expected
    assert table.column_names[1:] == columns
    # What was written is read again, its names as names.
    assert call(monkeypatch, "fit", "f.csv", "--index", "name", "--out", "n.safetensors", *FIT) == 0
    assert PlasticEncoder.load("n.safetensors").n_features_in_ == len(columns)


def test_names_that_no_file_can_hold_are_escaped(tmp_path: Path) -> None:
    from metaplastic.cli.matrices import write_features

    names = ["a,b", 'say "hi"', "two\nlines", "\udcff", "ü"]
    for suffix in ("csv", "npy"):
        write_features(tmp_path / f"f.{suffix}", np.zeros((5, 1)), ["u"], names)
    with (tmp_path / "f.csv").open(newline="", encoding="utf-8") as file:
        rows = [row[0] for row in csv.reader(file)]
    assert rows == ["name", "a,b", 'say "hi"', "two\\nlines", "\\udcff", "ü"]
    assert (tmp_path / "f.names.txt").read_text("utf-8").splitlines() == rows[1:]


def test_numbers_in_a_csv_file_are_read_back_as_they_were(tmp_path: Path) -> None:
    from metaplastic.cli.matrices import write_columns

    third = np.array([1 / 3, 1e-300, 2.0])
    count = np.array([2**53 + 1, 0, -7])
    columns = [("d", third), ("f", third.astype(np.float32)), ("n", count), ("t", ["a", "b", "1"])]
    write_columns(tmp_path / "t.csv", columns)
    rows = [line.split(",") for line in (tmp_path / "t.csv").read_text().splitlines()]
    assert rows[1] == ["0.3333333333333333", "0.333333343", "9007199254740993", "a"]
    assert [float(row[0]) for row in rows[1:]] == third.tolist()
    assert [np.float32(row[1]) for row in rows[1:]] == third.astype(np.float32).tolist()


def test_texts_are_counted_by_the_words_of_the_model(folder: Path, monkeypatch) -> None:
    for name, words in (("one", ("sun", "rain")), ("two", ("rain", "moon"))):
        for label, word in zip("pq", words, strict=True):
            (Path(name) / label).mkdir(parents=True)
            for i in range(6):
                (Path(name) / label / f"{i}.txt").write_text(f"{word} " * (i + 1))
    assert call(monkeypatch, "fit", "text:one", "--out", "m.safetensors", *FIT) == 0
    encoder = PlasticEncoder.load("m.safetensors")
    assert encoder.feature_names_in_.tolist() == ["rain", "sun"]
    assert call(monkeypatch, "transform", "m.safetensors", "text:two", "--out", "f.npy") == 0
    counts = np.array([[i + 1, 0] for i in range(6)] + [[0, 0]] * 6, np.float32)
    del encoder.feature_names_in_
    np.testing.assert_allclose(np.load("f.npy"), encoder.transform(counts), atol=1e-5)
    assert len(Path("f.names.txt").read_text().splitlines()) == 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fit", "none.npy", "--out", "m.safetensors"), "no such file"),
        (("fit", "no_such_set", "--out", "m.safetensors"), "no_such_set"),
        (("fit", "words.csv", "--out", "m.safetensors"), "words.csv"),
        (("fit", "object.npy", "--out", "m.safetensors"), "object.npy"),
        (("fit", "torn.npz", "--out", "m.safetensors"), "torn.npz"),
        (("fit", "nan.npy", "--out", "m.safetensors"), "NaN"),
        (("fit", "x.npy", "--out", "no/m.safetensors"), "no folder"),
        (("fit", "x.npy", "--out", "m.safetensors", "--hidden", "a,b"), "--hidden"),
        (("fit", "x.npy", "--out", "m.safetensors", "--rule", "none"), "no rule named"),
        (("transform", "x.npy", "x.npy", "--out", "f.npy"), "safetensors"),
        (("transform", "none.safetensors", "x.npy", "--out", "f.npy"), "no such file"),
        (("transform", "none.safetensors", "x.npy", "--out", "f.txt"), "f.txt"),
        (("fit", "x.npy", "--out", "m.safetensors", "--activation", "foo"), "'foo'; known: gelu"),
        (("fit", "x.npy", "--out", "."), "it is a folder"),
        (("transform", "none.safetensors", "x.npy", "--out", "folder.npy"), "it is a folder"),
        (("fit", "x.npy", "--out", "m.safetensors", "--hidden", "0"), "--hidden '0'"),
        (("fit", "x.npy", "--out", "m.safetensors", "--hidden", "8,-1"), "--hidden '8,-1'"),
        (("fit", "x.npy", "--out", "m.safetensors", "--split", "test"), "--split test"),
        (("fit", "x.npy", "--out", "m.safetensors", "--delimiter", ";"), "--delimiter is for"),
        (("fit", "x.csv", "--out", "m.safetensors", "--header", "perhaps"), "header 'perhaps'"),
        (("fit", "empty.csv", "--out", "m.safetensors"), "empty.csv: empty"),
        (("fit", "semicolons.csv", "--out", "m.safetensors"), "--delimiter ';'"),
        (("fit", "~nobody-of-that-name/x.csv", "--out", "m.safetensors"), "no home directory"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    folder: Path, monkeypatch, capsys, arguments: tuple[str, ...], words: str
) -> None:
    Path("words.csv").write_text("a,b\n1,2\n3,four\n")
    np.save("object.npy", np.array([[1, "a"]], object), allow_pickle=True)
    Path("empty.csv").write_text("")
    Path("folder.npy").mkdir()
    Path("semicolons.csv").write_text("a;b\n1,5;2\n")
    Path("torn.npz").write_bytes(Path("x.npz").read_bytes()[:200])
    np.save("nan.npy", np.full((4, 4), np.nan))
    if arguments[0] == "fit" and "--rule" not in arguments:
        arguments = (*arguments, "--rule", "rule.safetensors")
    assert call(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("metaplastic: ")
    assert error.count("\n") == 1
    assert words in error


def test_help_does_not_wait_for_jax() -> None:
    code = (
        "import sys\n"
        "from metaplastic.cli.app import app\n"
        "app(['fit', '--help'], standalone_mode=False)\n"
        "assert 'jax' not in sys.modules and 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
