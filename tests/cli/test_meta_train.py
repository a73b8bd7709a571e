"""`metaplastic meta-train` as a user runs it: killed, interrupted, resumed, asked wrongly."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metaplastic.cli.app import app

KILLS = int(os.environ.get("METAPLASTIC_TEST_KILLS", "3"))
# a rule that compiles in seconds; its two coefficients are meta-trained like any other θ
SETTINGS = [
    "--preset=quick", "--seed=5", "--checkpoint-seconds=0", "--meta-steps=40",
    "--set=tasks.architectures.sides=[8]", "--set=tasks.architectures.units=[12]",
    "--set=tasks.architectures.n_features=[8]", "--set=tasks.n_classes=5",
    "--set=tasks.examples_per_class=8", "--set=tasks.labels_per_class=4",
    "--set=unroll.horizon=[4,6]", "--set=unroll.batch_size=16", "--set=validation.every=1000",
    "--set=validation.tasks=2",
    "--set=estimator=truncated", "--set=unroll.truncation=[1,3]",
    "--set=rule.name=hebbian", "--set=groups=1", "--set=tasks.architectures.layers=[2,2]",
]  # fmt: skip


def _command(out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "metaplastic", "meta-train", f"--out={out}", *SETTINGS, *more]


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was left alone."""
    out = tmp_path_factory.mktemp("cli") / "whole"
    shown = {**os.environ, "METAPLASTIC_PROGRESS": "on"}
    done = subprocess.run(
        _command(out), capture_output=True, text=True, timeout=300, check=False, env=shown
    )
    assert done.returncode == 0, done.stderr
    assert "compiled in" in done.stderr
    assert re.search(r"meta-training: 40 of 40 meta-steps, loss .*validation accuracy", done.stderr)
    assert "\x1b" not in done.stderr
    return out


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_in_the_same_theta(
    never_stopped: Path, tmp_path: Path
) -> None:
    out, rng = tmp_path / "killed", random.Random(0)
    started, killed = False, 0
    for _ in range(4 * KILLS):
        resume = ["--resume"] if (out / "config.json").exists() else []
        process = subprocess.Popen(
            _command(out, *resume), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        # half of the moments from the start on, half while meta-steps are taken and saved
        before = _steps(out)
        deadline = time.monotonic() + 120
        if rng.random() < 0.5:
            while _steps(out) == before and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            started = True
            time.sleep(rng.uniform(0.0, 0.3))
        else:
            time.sleep(rng.uniform(0.0, 6.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += process.returncode == -signal.SIGKILL
        if killed >= KILLS:
            break
    assert killed >= min(KILLS, 3)
    assert started
    resume = ["--resume"] if (out / "config.json").exists() else []
    done = subprocess.run(_command(out, *resume), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name = "step-000000040.safetensors"
    whole, resumed = (
        (path / "checkpoints" / name).read_bytes().rpartition(b"}")[2]
        for path in (never_stopped, out)
    )
    assert _tensors(never_stopped / "checkpoints" / name) == _tensors(out / "checkpoints" / name)
    assert len(whole) == len(resumed)
    losses = [[m["loss"] for m in _metrics(path)] for path in (never_stopped, out)]
    assert losses[0] == losses[1]


def _metrics(out: Path) -> list[dict]:
    file = out / "metrics.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _steps(out: Path) -> int:
    file = out / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _tensors(path: Path) -> dict[str, bytes]:
    from safetensors.numpy import load_file

    return {name: array.tobytes() for name, array in load_file(path).items()}


@pytest.mark.slow
def test_until_stops_where_it_says(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = subprocess.run(_command(out, "--until=3"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--resume" in done.stderr
    assert _steps(out) == 3
    assert (out / "rule.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_says_so_and_ends(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = _command(out, "--meta-steps=100000", "--checkpoint-seconds=1000")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while _steps(out) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "saving" in stderr
    assert "--resume" in stderr
    saved = max((out / "checkpoints").iterdir())
    assert int(saved.stem[5:]) == _steps(out)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--preset", "huge"], "unknown preset 'huge'"),
        (["--set", "optimizer.meta_steps=none"], "optimizer.meta_steps"),
        (["--tasks", "mnist"], "held out"),
        (["--tasks", "glyphz"], "Did you mean 'glyphs'"),
        (["--tasks", ","], "at least one data set"),
        (["--config", "nowhere.toml"], "cannot read the configuration"),
        (["--resume"], "holds no run"),
    ],
)
def test_mistakes_get_one_line_and_status_2(
    arguments: list[str], named: str, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    from metaplastic.errors import MetaplasticError

    result = CliRunner().invoke(app, ["meta-train", "--out", str(tmp_path / "run"), *arguments])
    assert isinstance(result.exception, MetaplasticError)
    assert named in str(result.exception)
    assert "\n" not in str(result.exception)


def test_the_process_prints_it_and_exits_with_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "metaplastic", "info", str(tmp_path / "none.safetensors")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("metaplastic: ")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_info_describes_a_run_and_its_rule(never_stopped: Path) -> None:
    run = CliRunner().invoke(app, ["info", str(never_stopped)])
    assert "meta-step 40 of 40" in run.output
    assert '"learning_rate": 0.012' in run.output
    rule = CliRunner().invoke(app, ["info", str(never_stopped / "rule.safetensors")])
    assert "| meta-trained on | glyphs, shapes |" in rule.output


def test_version() -> None:
    import metaplastic

    result = CliRunner().invoke(app, ["--version"])
    assert result.output.strip() == f"metaplastic {metaplastic.__version__}"
