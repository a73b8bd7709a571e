"""`metaplastic fit` and `metaplastic transform`: files in, files out, one line for a mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.sparse import csr_matrix, save_npz
from sklearn.datasets import load_digits

from metaplastic import PlasticEncoder, save_rule
from metaplastic.cli.app import main
from metaplastic.rules import make_rule


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


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["metaplastic", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


FIT = ("--rule", "rule.safetensors", "--max-iter", "3", "--hidden", "8", "--components", "4")


def test_files_in_and_files_out(folder: Path, monkeypatch) -> None:
    assert run(monkeypatch, "fit", "x.npy", "--out", "m.safetensors", *FIT) == 0
    expected = PlasticEncoder.load("m.safetensors").transform(np.load("x.npy"))
    for given in ("x.npy", "x.csv", "bare.csv", "x.npz"):
        assert run(monkeypatch, "transform", "m.safetensors", given, "--out", "f.npy") == 0
        np.testing.assert_allclose(np.load("f.npy"), expected, atol=1e-4)
    assert run(monkeypatch, "transform", "m.safetensors", "x.npy", "--out", "f.csv") == 0
    lines = Path("f.csv").read_text().splitlines()
    assert lines[0] == ",".join(f"plasticencoder{i}" for i in range(4))
    np.testing.assert_allclose(np.loadtxt(lines[1:], delimiter=","), expected, rtol=1e-6)


def test_parquet(folder: Path, monkeypatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    assert run(monkeypatch, "fit", "x.npy", "--out", "m.safetensors", *FIT) == 0
    assert run(monkeypatch, "transform", "m.safetensors", "x.npy", "--out", "f.parquet") == 0
    table = parquet.read_table("f.parquet")
    assert table.column_names == [f"plasticencoder{i}" for i in range(4)]
    assert run(monkeypatch, "fit", "f.parquet", "--out", "n.safetensors", "-q", *FIT) == 0
    assert PlasticEncoder.load("n.safetensors").n_features_in_ == 4


def test_a_data_set_by_its_address(folder: Path, monkeypatch, capsys) -> None:
    assert run(monkeypatch, "fit", "digits", "--out", "m.safetensors", *FIT) == 0
    assert "64 inputs, 4 features" in capsys.readouterr().out
    arguments = ("transform", "m.safetensors", "digits", "--split", "test", "--out", "f.npy")
    assert run(monkeypatch, *arguments) == 0
    assert np.load("f.npy").shape[1] == 4


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
    ],
)
def test_mistakes_are_one_line_and_status_2(
    folder: Path, monkeypatch, capsys, arguments: tuple[str, ...], words: str
) -> None:
    Path("words.csv").write_text("a,b\n1,2\n3,four\n")
    np.save("object.npy", np.array([[1, "a"]], object), allow_pickle=True)
    Path("torn.npz").write_bytes(Path("x.npz").read_bytes()[:200])
    np.save("nan.npy", np.full((4, 4), np.nan))
    if arguments[0] == "fit" and "--rule" not in arguments:
        arguments = (*arguments, "--rule", "rule.safetensors")
    assert run(monkeypatch, *arguments) == 2
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
