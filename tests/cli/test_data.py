"""`metaplastic data`: what it prints, and one line with status 2 for a mistake."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaplastic.cli.app import main

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("METAPLASTIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("METAPLASTIC_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["metaplastic", "data", *arguments])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        out = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, out.out, out.err)

    return call


def _refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("metaplastic: ")
    for word in words:
        assert word in lines[0]


def _idx(array: np.ndarray) -> bytes:
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for stem in ("train", "t10k"):
        images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
        labels = (np.arange(20) % 10).astype(np.uint8)
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(_idx(images))
        (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(_idx(labels))
    return tmp_path / "data"


def test_list_marks_what_is_held_out_and_what_is_here(run: Run, data_dir: Path) -> None:
    result = run("list", "--data-dir", str(data_dir))
    assert result.returncode == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.split()}
    assert "held-out" in rows["mnist"]
    assert " yes " in rows["mnist"]
    assert "meta-train" in rows["glyphs"]
    assert "built in" in rows["glyphs"]
    assert "not fetched" in rows["cifar10"]
    assert "folder:PATH" in result.stdout


def test_info(run: Run, data_dir: Path) -> None:
    result = run("info", "mnist@14", "--data-dir", str(data_dir))
    assert result.returncode == 0
    for text in ("14 × 14", "train: 20 examples, 10 classes, 2 each", "held-out", "CC BY-SA"):
        assert text in result.stdout
    result = run("info", "imdb")
    assert result.returncode == 0
    assert "run 'metaplastic data fetch imdb'" in result.stdout


def test_notes_are_printed(run: Run, tmp_path: Path) -> None:
    for label in "ab":
        folder = tmp_path / "set" / label
        folder.mkdir(parents=True)
        for index in range(5):
            values = np.full((8, 8), 400 * index, np.uint16)
            Image.fromarray(values).save(folder / f"{index}.png")
    (tmp_path / "set" / "b" / "x.heic").write_bytes(b"x")
    for command in ("info", "show"):
        result = run(command, "folder:set")
        assert result.returncode == 0, result.stderr
        assert "note      1 file left out, not images: 1 .heic (b/x.heic)" in result.stdout
        assert "values of 0 to 1600, the set's own range, become 0 to 255" in result.stdout
    assert (tmp_path / "folder.png").is_file()


def test_show_writes_a_png(run: Run, tmp_path: Path) -> None:
    result = run("show", "digits", "--out", str(tmp_path / "d.png"))
    assert result.returncode == 0
    assert Image.open(tmp_path / "d.png").size == (1162, 582)


def test_verify_tells_what_differs(run: Run, data_dir: Path) -> None:
    result = run("verify", "mnist", "--data-dir", str(data_dir))
    _refused(result, "differ from the published files", "train-images-idx3-ubyte.gz")
    assert "train-images-idx3-ubyte.gz: differs" in result.stdout


def test_mistakes_are_one_line(run: Run, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.csv").write_text("a,y\nnan,1\n")
    broken = data_dir / "mnist" / "t10k-images-idx3-ubyte.gz"
    broken.write_bytes(broken.read_bytes()[:-12])
    _refused(run("info", "nmist"), "unknown data set 'nmist'", "Did you mean 'mnist'?")
    _refused(
        run("info", "mnist", "--data-dir", str(tmp_path / "no")), "--data-dir", "does not exist"
    )
    _refused(run("info", "mnist", "--data-dir", str(data_dir)), "t10k-images", "truncated")
    _refused(run("show", "omniglot", "--out", "x.png"), "metaplastic data fetch omniglot")
    _refused(run("info", f"folder:{tmp_path / 'empty'}"), "no images")
    _refused(run("info", f"csv:{tmp_path / 't.csv'}?label=y"), "line 2, column 'a'", "nan")
    _refused(run("show", "digits", "--split", "dev"), "no split 'dev'")
    _refused(run("fetch", "glyphs"), "needs no download")
    _refused(run("verify", "folder:x"), "unknown data set 'folder:x'")


def test_fetch_without_a_network_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("metaplastic.data.download.time.sleep", lambda seconds: None)
    result = run("fetch", "mnist", "--data-dir", str(tmp_path))
    _refused(result, "could not fetch train-images-idx3-ubyte.gz", "by hand")
    assert not list((tmp_path / "mnist").iterdir())


def test_the_process_ends_with_status_2_and_no_traceback() -> None:
    command = [sys.executable, "-m", "metaplastic", "data", "info", "nmist"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    _refused(result, "unknown data set 'nmist'")


def test_no_jax_is_imported_for_data() -> None:
    code = "import sys, metaplastic.data; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
