"""Results made again by one command, from what their files record."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from benchmarks.again import ROOT, command, committed, main

from metaplastic.cli.study import parse_overrides
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.studies import STUDIES, Context, make_study

FILES = committed(ROOT / "results")


def test_every_results_file_of_a_study_is_found() -> None:
    assert len(FILES) > 15
    assert not [path for path in FILES if "cells" in path.parts]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_command_has_the_settings_of_the_file(path: Path) -> None:
    content, arguments = read_json(path), command(path)
    assert arguments[:2] == ["study", content["study"]]
    given = [value for flag, value in pairwise(arguments) if flag == "--set"]
    kind = STUDIES[content["study"]].Settings
    assert kind(**parse_overrides(given)) == kind(**content["settings"])


@pytest.mark.slow
def test_a_file_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {
        "seeds": 2,
        "hidden": (8,),
        "n_features": 6,
        "inner_steps": 2,
        "datasets": ("digits",),
    }
    context = Context(named_rule("hebbian"), tmp_path)
    before = make_study("datasets", context, **chosen, baselines=("raw",)).run()
    path = tmp_path / "datasets.json"
    assert committed(tmp_path) == [path]
    monkeypatch.chdir(tmp_path)
    assert main(["--fresh", str(path)]) == 0
    assert read_json(path) == before
    assert path.with_suffix(".png").is_file()


def test_a_file_that_holds_no_study_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "datasets.json").write_text("{}")
    with pytest.raises(SystemExit):
        main([str(tmp_path / "datasets.json")])
    assert "no results of a study" in capsys.readouterr().err
