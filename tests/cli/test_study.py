"""`metaplastic study` and `metaplastic report` as a user calls them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from metaplastic.cli.app import main

SMALL = ["--seeds", "2", "--set", "hidden=8", "--set", "n_features=4", "--set", "inner_steps=4"]


def command(*arguments):
    return [sys.executable, "-m", "metaplastic", *arguments]


def run(*arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def mistake(monkeypatch, capsys):
    """Runs the command line in this process; gives its one line of error, status 2 being checked.

    The package's own entry is called, so that what it does with errors is part of the test.
    """

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["metaplastic", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        lines = capsys.readouterr().err.strip().splitlines()
        assert stopped.value.code == 2
        assert len(lines) == 1
        return lines[0]

    return call


@pytest.mark.slow
def test_a_study_and_the_report_of_it(tmp_path):
    where = ["--results", str(tmp_path)]
    done = run(
        *("study", "representation", "--rule", "hebbian", "--datasets", "two_moons"), *SMALL, *where
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "representation.json").read_text())["settings"]["hidden"] == [8]
    assert (tmp_path / "representation.png").read_bytes().startswith(b"\x89PNG")
    report = run("report", *where)
    assert report.returncode == 0, report.stderr
    assert "two_moons" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["datsets", "--rule", "hebbian"], "datasets"),
        (["datasets", "--rule", "no-such-rule"], "no-such-rule"),
        (["datasets", "--rule", "hebbian", "--set", "width=3"], "width"),
        (["datasets", "--rule", "hebbian", "--set", "hidden"], "NAME=VALUE"),
        (["labels", "--rule", "hebbian", "--datasets", "digits,mnist"], "one data set"),
        (["labels", "--rule", "hebbian", "--set", "labels=0.5"], "labels"),
        (["filters", "--rule", "hebbian", "--set", "points=-5"], "at least 1"),
        (["amounts", "--rule", "hebbian", "--set", "batch_sizes=0"], "batch_sizes"),
        (["architectures", "--rule", "hebbian", "--set", "grid_widths=-64"], "'-64'"),
        (["datasets", "--seeds", "-1"], "'-1'"),
        (["datasets", "--rule", "{file.parent}"], "not a run directory"),
        (["meta-training", "--rule", "hebbian"], "run directory"),
        (["datasets", "--rule", "hebbian", "--data-dir", "no-such-folder"], "no-such-folder"),
        (["datasets", "--rule", "hebbian", "--results", "{file}"], "cannot write"),
        (["datasets", "--rule", "{file}"], "safetensors"),
    ],
)
def test_mistakes_end_in_one_line_and_status_2(arguments, part, tmp_path, mistake):
    file = tmp_path / "file.safetensors"
    file.write_text("x")
    arguments = [argument.format(file=file) for argument in arguments]
    error = mistake("study", "--results", str(tmp_path / "results"), *arguments)
    assert part in error


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (None, "study all"),
        ("{nope", "not a results file"),
        ("[1]", "not hold a JSON object"),
        ('{"study": "text"}', "study 'text'"),
        ('{"study": "labels", "title": "x", "rule": {}}', "study labels"),
    ],
)
def test_damaged_results_end_the_report_in_one_line(text, part, tmp_path, mistake):
    if text is not None:
        (tmp_path / "labels.json").write_text(text)
    assert part in mistake("report", "--results", str(tmp_path))


def test_damaged_cells_are_named(tmp_path, mistake):
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "representation.json").write_text('{"cells": 3}')
    where = ["--results", str(tmp_path)]
    assert "delete it" in mistake("study", "representation", "--rule", "hebbian", *where)


@pytest.mark.slow
def test_an_interrupted_study_goes_on_where_it_stopped(tmp_path):
    arguments = [
        *("study", "architectures", "--rule", "hebbian", "--datasets", "digits"),
        *("--seeds", "3", "--set", "inner_steps=4", "--set", "depths=1"),
        *("--set", "widths=8,12,16", "--set", "activations=relu"),
        *("--set", "grid_depths=1", "--set", "grid_widths=10", "--set", "grid_seeds=2"),
        *("--results", str(tmp_path)),
    ]
    cells = tmp_path / "cells" / "architectures.json"
    # a job in the background of a shell ignores SIGINT, and hands that on to what it starts
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 120
    while not cells.is_file() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert "run the same command to resume" in " ".join(out.split())
    kept = sum(len(c["seeds"]) for c in json.loads(cells.read_text())["cells"].values())
    assert 0 < kept < 20
    again = run(*arguments)
    assert again.returncode == 0, again.stderr
    assert f"{kept} numbers reused" in " ".join(again.stdout.split())
