"""Where results go is looked at before the work; a disk that fills up is one line, and no more."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metaplastic.cli.app import app
from metaplastic.errors import MetaplasticError

BAD = ["file/a.json", "folder", "lost/a.json", "x" * 300]


def _refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments])
    assert isinstance(result.exception, MetaplasticError), result.output
    text = str(result.exception)
    assert "\n" not in text
    return text


@contextmanager
def _full_disk() -> Iterator[None]:
    """No file may grow past a few bytes."""
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, bounds[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with things in the way."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    return tmp_path


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a command would spend its time on fails."""

    def work(*_: object, **__: object) -> None:
        raise AssertionError("it works before it looks where the results go")

    for name in ("evaluation.evaluate", "demo.run_demo", "data.load", "data.rows.read_rows"):
        monkeypatch.setattr(f"metaplastic.{name}", work)
    monkeypatch.setattr("metaplastic.evaluation.studies.study.Study.run", work)
    monkeypatch.setattr("metaplastic.figures.report._section", work)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.usefixtures("no_work")
def test_no_work_is_done_for_a_file_that_cannot_be_written(bad: str, place: Path) -> None:
    (place / "labels.json").write_text('{"study": "labels"}')
    before = sorted(path.name for path in place.rglob("*"))
    for command in (
        ["evaluate", "hebbian", f"--out={place / bad}"],
        ["report", f"--results={place}", f"--out={place / bad}"],
        ["data", "show", "two_moons", f"--out={place / bad}"],
        ["fit", "two_moons", f"--out={place / bad}"],
        ["transform", "m.safetensors", "two_moons", f"--out={place / bad}.csv"],
    ):
        if bad == "folder" and command[0] == "transform":
            continue  # another name, by its suffix
        if command[0] == "evaluate" and bad == "folder":
            continue  # refused by the option itself
        assert "cannot be written" in _refused(*command)
    assert sorted(path.name for path in place.rglob("*")) == before


@pytest.mark.parametrize("bad", ["file", "file/a", "lost", "x" * 300])
@pytest.mark.usefixtures("no_work")
def test_no_work_is_done_for_a_folder_that_cannot_be_written(bad: str, place: Path) -> None:
    before = sorted(path.name for path in place.rglob("*"))
    commands = [
        ["demo", f"--out={place / bad}"],
        ["study", "labels", "--rule=hebbian", f"--results={place / bad}"],
        ["meta-train", f"--out={place / bad}"],
    ]
    for command in commands[bad == "file" :]:  # by the option of demo itself
        assert re.search("cannot (write into|read)", _refused(*command))
    assert sorted(path.name for path in place.rglob("*")) == before


@pytest.mark.usefixtures("no_work")
def test_no_work_is_done_where_a_folder_is_in_the_way(tmp_path: Path) -> None:
    for name in ("demo.json", "demo.png", "labels.json", "labels.png"):
        (tmp_path / name).mkdir()
        command = ["demo", f"--out={tmp_path}"]
        if name.startswith("labels"):
            command = ["study", "labels", "--rule=hebbian", f"--results={tmp_path}"]
        text = _refused(*command)
        assert name in text
        assert "it is a folder" in text
        (tmp_path / name).rmdir()


def test_a_disk_that_fills_up_is_one_line(tmp_path: Path, monkeypatch) -> None:
    class Found:
        def to_json(self) -> dict[str, object]:
            return {"numbers": [0.5] * 100, "dataset": {"address": "digits", "notes": []}}

    monkeypatch.setattr("metaplastic.evaluation.evaluate", lambda *_, **__: Found())
    monkeypatch.setattr("metaplastic.cli.evaluate.table", lambda content: "")
    monkeypatch.setattr("metaplastic.figures.report._section", lambda *_: "")
    monkeypatch.setattr("metaplastic.figures.report.page", lambda *_: "x" * 1000)
    (tmp_path / "labels.json").write_text('{"study": "labels"}')
    out = tmp_path / "out.json"
    for command in (
        ["evaluate", "hebbian", f"--out={out}"],
        ["report", f"--results={tmp_path}", f"--out={out}"],
        ["data", "show", "two_moons", f"--out={out}"],
    ):
        with _full_disk():
            assert "cannot be written (File too large)" in _refused(*command)
        assert [path.name for path in tmp_path.iterdir()] == ["labels.json"]
    assert CliRunner().invoke(app, ["evaluate", "hebbian", f"--out={out}"]).exit_code == 0
    assert json.loads(out.read_text())["numbers"][0] == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"study": ' + "[" * 2000 + "]" * 2000 + "}",
        '{"study": "labels", "title": ' + "9" * 5000 + "}",
        '{"study": "' + "x" * 5000 + '"}',
        '{"study": "labels", "title": 3, "rule": {"label": 1}, "cells": 7}',
        "",
    ],
)
def test_results_that_cannot_be_read_are_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(text)
    error = _refused("report", f"--results={tmp_path}")
    assert "labels.json" in error
    assert len(error) < 900
    assert not (tmp_path / "report.html").exists()
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "labels.json").write_text(text)
    error = _refused("study", "labels", "--rule=hebbian", f"--results={tmp_path}")
    assert "cells/labels.json" in error
    assert len(error) < 900
