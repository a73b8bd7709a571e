"""Folders of random images, as a user would give them at the command line.

Every file in is a row out, or it is counted as left out and named, or there is one line of error.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from metaplastic import save_rule
from metaplastic.cli.app import main
from metaplastic.rules import make_rule

# Which formats hold which mode, as Pillow writes them.
_FORMATS = {
    "1": ("PNG", "TIFF", "BMP", "GIF", "PPM"),
    "L": ("PNG", "TIFF", "BMP", "GIF", "JPEG", "WEBP", "PPM", "TGA"),
    "LA": ("PNG", "TIFF", "WEBP", "TGA"),
    "P": ("PNG", "TIFF", "BMP", "GIF", "TGA"),
    "PA": ("TIFF",),
    "RGB": ("PNG", "TIFF", "BMP", "GIF", "JPEG", "WEBP", "PPM", "TGA", "PCX", "QOI", "SGI"),
    "RGBA": ("PNG", "TIFF", "WEBP", "GIF", "TGA", "ICO"),
    "CMYK": ("JPEG", "TIFF"),
    "YCbCr": ("JPEG", "TIFF"),
    "LAB": ("TIFF",),
    "I;16": ("PNG", "TIFF", "PPM"),
    "I": ("TIFF",),
    "F": ("TIFF",),
}
_SUFFIX = {"JPEG": ".jpg", "TIFF": ".tif", "PPM": ".ppm"}
_OWN_SUFFIX_ONLY = {"TGA", "PCX", "SGI", "ICO"}
_OF_SYSTEMS = ("Thumbs.db", ".DS_Store", "@eaDir/x.png", "desktop.ini", "#recycle/x.png")
_NAMES = ("a", "ü b", "it's", "new\nline", "%s{}", "a" * 60, os.fsdecode(b"\xff"))


@dataclass(frozen=True)
class _File:
    """A file to write; `whole` says that it must be read, `taken` that its suffix is an image's."""

    name: str
    data: bytes
    taken: bool
    whole: bool


def _image(draw: st.DrawFn) -> tuple[bytes, str]:
    mode = draw(st.sampled_from(sorted(_FORMATS)))
    kind = draw(st.sampled_from(_FORMATS[mode]))
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    if mode == "I;16":
        top = draw(st.sampled_from([2, 256, 4096, 65536]))
        image = Image.fromarray(rng.integers(0, top, (height, width), dtype=np.uint16))
    elif mode == "I":
        image = Image.fromarray(rng.integers(-5, 1 << 20, (height, width), dtype=np.int32))
    elif mode == "F":
        image = Image.fromarray(rng.normal(size=(height, width)).astype(np.float32))
    else:
        layers = Image.fromarray(rng.integers(0, 256, (height, width, 4), dtype=np.uint8))
        between = {"PA": "P", "LAB": "RGB", "LA": "LA"}.get(mode, mode)
        source = layers if mode in ("RGBA", "LA") else layers.convert("RGB")
        if mode == "LAB":
            image = Image.frombytes("LAB", (width, height), source.tobytes())
        else:
            image = source.convert(between)
        image = image.convert("PA") if mode == "PA" else image
    options: dict[str, object] = {}
    if kind in ("PNG", "JPEG", "TIFF", "WEBP") and draw(st.booleans()):
        exif = Image.Exif()
        exif[0x0112] = draw(st.integers(1, 8))
        options["exif"] = exif.tobytes()
    if kind in ("PNG", "GIF") and mode in ("P", "L") and draw(st.booleans()):
        options["transparency"] = draw(st.integers(0, 3))
    if kind == "TIFF" and mode not in ("PA", "LAB"):
        options["compression"] = draw(st.sampled_from([None, "tiff_lzw", "tiff_adobe_deflate"]))
    if kind == "PNG" and mode == "P":
        options["bits"] = 8
    if kind in ("GIF", "TIFF", "PNG", "WEBP") and mode in ("L", "RGB") and draw(st.booleans()):
        options |= {"save_all": True, "append_images": [image.copy()]}
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue(), kind


@st.composite
def _files(draw: st.DrawFn) -> list[_File]:
    files: dict[str, _File] = {}
    for folder in draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique=True)):
        for index in range(draw(st.integers(0, 4))):
            data, kind = _image(draw)
            usual = _SUFFIX.get(kind, f".{kind.lower()}")
            odd = st.sampled_from([usual.upper(), ".heic", ".txt", "", f"{usual}.bak", ".PnG"])
            suffix = draw(st.one_of(st.just(usual), st.just(usual), odd))
            taken = suffix.lower() in (usual, ".png")
            whole = kind not in _OWN_SUFFIX_ONLY or suffix.lower() == usual
            if draw(st.integers(0, 9)) == 0:
                at = draw(st.integers(0, len(data) - 1))
                end = draw(st.sampled_from([b"", b"\0", b"\xff", data[at + 1 :]]))
                data, whole = data[:at] + bytes([draw(st.integers(0, 255))]) + end, False
            inner = draw(st.sampled_from(["", "", "inner/"]))
            name = f"{folder}/{inner}{index}{draw(st.sampled_from(['', 'ü', ' x']))}{suffix}"
            files[name] = _File(name, data, taken, whole)
    return list(files.values())


def _run(*arguments: str) -> tuple[int, str, str]:
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["metaplastic", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def _count(pattern: str, text: str) -> int:
    return sum(int(number.replace(",", "")) for number in re.findall(pattern, text, re.MULTILINE))


def _write(root: Path, files: list[_File], systems: bool) -> None:
    root.mkdir()
    for file in files:
        (root / file.name).parent.mkdir(parents=True, exist_ok=True)
        (root / file.name).write_bytes(file.data)
    for name in _OF_SYSTEMS if systems else ():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")


def _is_refused(status: int, err: str, files: list[_File], resized: bool) -> bool:
    """Whether it ended in one line of error, and rightly; a warning is no error."""
    if status == 0:
        return False
    assert status == 2
    assert err.startswith("metaplastic: ")
    assert err.count("\n") == 1
    images = [file for file in files if file.taken]
    assert not images or not resized or not all(file.whole for file in images)
    return True


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 16 inputs, fitted on grey images of 4×4."""
    folder = tmp_path_factory.mktemp("model")
    save_rule(make_rule("hebbian", jax.random.key(0)), folder / "rule.safetensors")
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(12, 16)))
    sizes = ("--max-iter", "1", "--hidden", "4", "--components", "2", "--quiet")
    rule, out = str(folder / "rule.safetensors"), str(folder / "m.safetensors")
    given = ("fit", str(folder / "x.npy"), "--rule", rule, "--out", out, *sizes)
    assert _run(*given) == (0, "", "")
    return Path(out)


_SETTINGS = settings(
    max_examples=int(os.environ.get("METAPLASTIC_FUZZ", "100")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.filterwarnings("error")  # none reaches the user
@_SETTINGS
@given(
    _files(),
    st.sampled_from(["@4", "@4", "@4?mode=grey", "@7?background=0&mode=colour", ""]),
    st.booleans(),
)
def test_every_file_is_counted(files: list[_File], form: str, systems: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "set"
        _write(root, files, systems)
        with patch.dict(os.environ, {"METAPLASTIC_CACHE": f"{scratch}/cache"}):
            status, out, err = _run("data", "info", f"folder:{root}{form}")
            again = _run("data", "info", f"folder:{root}{form}")
    assert again == (status, out, err)  # the second is read from the cache
    if _is_refused(status, err, files, bool(form)):
        return
    rows = _count(r"^split +\w+: ([\d,]+) examples", out)
    left_out = _count(r"^note +([\d,]+) files? left out", out)
    assert rows == sum(file.taken for file in files)
    assert rows + left_out == len(files)


@pytest.mark.slow
@_SETTINGS
@given(_files(), st.booleans())
def test_every_image_is_a_row_of_features(model: Path, files: list[_File], systems: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root, features = Path(scratch) / "set", Path(scratch) / "features.csv"
        _write(root, files, systems)
        with patch.dict(os.environ, {"METAPLASTIC_CACHE": f"{scratch}/cache"}):
            address = f"folder:{root}@4?mode=grey"
            given = ("transform", str(model), address, "--out", str(features))
            status, _, err = _run(*given)
        if _is_refused(status, err, files, True):
            return
        with features.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))[1:]
    expected = [_as_written(file.name) for file in files if file.taken]
    assert sorted(line[0] for line in lines) == sorted(expected)
    assert np.isfinite(np.array([line[1:] for line in lines], float)).all()
    left_out = _count(r"(?:: |; )([\d,]+) files? left out", err)
    assert left_out == len(files) - len(expected)


def _as_written(name: str) -> str:
    """A file's name as one line of valid UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
