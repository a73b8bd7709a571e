"""Meta-training in stages, as a user runs it: one file, one command, several runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from metaplastic.cli.app import app
from metaplastic.errors import DataError, MetaplasticError, RunError
from metaplastic.hub import load_card
from metaplastic.meta.config import differing_fields
from metaplastic.meta.run.run_dir import read_config
from metaplastic.meta.run.stages import Stage, make_stages
from tests.cli.test_meta_train import SETTINGS

FILE = """
seed = 5
tasks.n_classes = 5

[[stages]]
optimizer = { meta_steps = 3, learning_rate = 2e-3 }

[[stages]]
until = 2
seed = 6
optimizer.meta_steps = 9
"""
RULE = "rule.safetensors"
QUICK = [s for s in SETTINGS if not s.startswith(("--seed", "--meta-steps", "--set=tasks.n_cl"))]
COMMAND = [sys.executable, "-m", "metaplastic", "meta-train", *QUICK]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def _go_on(out: Path) -> subprocess.CompletedProcess[str]:
    """By a bare --resume: what is to be done is on record."""
    command = [*COMMAND[:4], f"--out={out}", "--resume"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _refused(out: Path, *arguments: str) -> str:
    """Its one line; nothing is begun."""
    result = CliRunner().invoke(app, ["meta-train", f"--out={out}", *QUICK, *arguments])
    assert isinstance(result.exception, RunError), result.output
    return str(result.exception)


def _file(folder: Path, text: str = FILE) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "stages.toml"
    path.write_text(text)
    return path


def _theta(path: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_file(path).items()}


def _losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stages, one after the other."""
    folder = tmp_path_factory.mktemp("stages")
    done = _run(f"--config={_file(folder)}", f"--out={folder / 'run'}")
    assert done.returncode == 0, done.stderr
    assert "stage 1 of 2, 3 meta-steps" in done.stderr
    assert "stage 2 of 2, 2 meta-steps" in done.stderr
    return folder / "run"


@pytest.mark.slow
def test_stages_are_the_runs_that_one_would_make_by_hand(staged: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    rate = "--set=optimizer.learning_rate=2e-3"
    settings = ["--set=tasks.n_classes=5", rate]
    assert _run(*settings, "--seed=5", "--meta-steps=3", f"--out={first}").returncode == 0
    start = f"--set=rule.start={first / RULE}"
    done = _run(*settings, "--seed=6", "--meta-steps=9", "--until=2", start, f"--out={second}")
    assert done.returncode == 0, done.stderr
    for hand, stage in ((first, "stage-1"), (second, "stage-2")):
        assert _theta(hand / RULE) == _theta(staged / stage / RULE)
        assert _losses(hand) == _losses(staged / stage)
    assert _theta(staged / RULE) == _theta(second / RULE)
    card = load_card(staged / RULE)
    assert (card.meta_steps, card.earlier_meta_steps) == (2, 3)


def test_info_tells_how_far_each_stage_is(staged: Path) -> None:
    output = CliRunner().invoke(app, ["info", str(staged)]).output.splitlines()
    assert output[:2] == ["stage 1: meta-step 3 of 3", "stage 2: meta-step 2 of 2"]
    assert output[3].startswith("meta-step 2 of 9")


@pytest.mark.slow
def test_interrupted_stages_go_on_to_the_same_rule(staged: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    config = f"--config={_file(tmp_path)}"
    process = subprocess.Popen([*COMMAND, config, f"--out={out}"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (out / "stage-1" / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert "--resume" in _refused(out, config)
    done = _go_on(out)
    assert done.returncode == 0, done.stderr
    assert _theta(out / RULE) == _theta(staged / RULE)
    assert _losses(out / "stage-2") == _losses(staged / "stage-2")


def test_a_signal_in_the_last_meta_step_of_a_stage_ends_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def run(stage: Stage, *_: object, **__: object) -> int:
        begun.append(stage)
        os.kill(os.getpid(), signal.SIGTERM)
        return stage.last

    monkeypatch.setattr("metaplastic.meta.run.orchestration.run_stage", run)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        result = CliRunner().invoke(
            app, ["meta-train", f"--out={tmp_path / 'run'}", f"--config={_file(tmp_path)}", *QUICK]
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert len(begun) == 1
    assert result.exit_code == 128 + signal.SIGTERM
    assert "--resume" in result.stderr


def test_what_a_later_stage_lacks_is_told_before_the_first(tmp_path: Path) -> None:
    file = _file(tmp_path, FILE + 'tasks.sources = ["glyphs", "omniglot@28"]\n')
    out = tmp_path / "run"
    command = ["meta-train", f"--out={out}", f"--config={file}", f"--data-dir={tmp_path}", *QUICK]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, DataError)
    assert "omniglot" in str(result.exception)
    assert not (out / "stage-1").exists()


@pytest.mark.slow
def test_a_finished_run_moved_elsewhere_takes_up_a_stage_more_but_no_other_past(
    staged: Path, tmp_path: Path
) -> None:
    out = tmp_path / "moved"
    shutil.copytree(staged, out)
    more = _file(tmp_path, FILE + "\n[[stages]]\nseed = 7\noptimizer.meta_steps = 1\n")
    other = _file(tmp_path / "other", FILE.replace("2e-3", "1e-3"))
    on = _file(tmp_path / "on", more.read_text().replace("until = 2", "until = 4"))
    for command in ([f"--config={other}"], [f"--config={more}", "--seed=8"]):
        assert "stage-1' with another configuration" in _refused(out, *command, "--resume")
    assert "holds a run in stages" in _refused(out, "--preset=tiny")
    part = CliRunner().invoke(app, ["meta-train", f"--out={out}", "--resume", "--until=1"])
    assert "each have their own" in str(part.exception)
    assert not (out / "stage-3").exists()

    done = _run(f"--config={more}", f"--out={out}", "--resume")
    assert done.returncode == 0, done.stderr
    assert "stage 2 of 3, done" in done.stderr
    assert _theta(out / "stage-2" / RULE) == _theta(staged / "stage-2" / RULE)
    assert load_card(out / RULE).earlier_meta_steps == 5
    assert _theta(out / RULE) == _theta(out / "stage-3" / RULE)
    assert "has already started from its rule" in _refused(out, f"--config={on}", "--resume")


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_was_moved_to(staged: Path, tmp_path: Path) -> None:
    out = tmp_path / "moved"
    shutil.copytree(staged, out)
    (out / "stage-2" / RULE).unlink()
    max((out / "stage-2" / "checkpoints").iterdir()).unlink()
    done = _go_on(out)
    assert done.returncode == 0, done.stderr
    assert read_config(out / "stage-2").rule.start == str(out / "stage-1" / RULE)
    assert _theta(out / RULE) == _theta(staged / RULE)


def test_a_stage_changes_what_it_names(tmp_path: Path) -> None:
    one, two = make_stages(Path("out"), file=_file(tmp_path))
    assert (one.last, two.last) == (3, 2)
    fields = [text.partition(" ")[0] for text in differing_fields(one.config, two.config)]
    assert fields == ["optimizer.meta_steps", "rule.start", "seed"]
    assert two.config.rule.start == str(Path("out/stage-1/rule.safetensors"))
    given = make_stages(Path("out"), file=_file(tmp_path), overrides=[{"rule": {"start": "old"}}])
    assert [stage.config.rule.start for stage in given] == ["old", two.config.rule.start]


@pytest.mark.parametrize(
    ("text", "arguments", "named"),
    [
        (FILE, ["--until=3"], "cannot be used with stages"),
        ("stages = 3", [], "[[stages]]"),
        ("stages = []", [], "[[stages]]"),
        (FILE.replace("until = 2", "until = 0"), [], "stage 2: until 0"),
        (FILE.replace("until = 2", 'until = "x"'), [], "stage 2: until 'x'"),
        (FILE.replace("seed = 6", "sed = 6"), [], "stage 2: invalid configuration: sed"),
        (FILE + 'rule.start = "default"', [], "leave this setting out"),
        (FILE, ["--resume"], "holds no run"),
    ],
)
def test_mistakes_get_one_line(text: str, arguments: list[str], named: str, tmp_path: Path) -> None:
    out, config = tmp_path / "run", _file(tmp_path, text)
    result = CliRunner().invoke(
        app, ["meta-train", f"--out={out}", f"--config={config}", *arguments]
    )
    assert isinstance(result.exception, MetaplasticError)
    assert named in str(result.exception)
    assert not out.exists()
