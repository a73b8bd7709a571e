"""`--engine mesh` and `--engine ray` as a user runs them: real processes, some of them killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from metaplastic.cli.app import app
from metaplastic.errors import MetaplasticError
from metaplastic.hub import load_card
from metaplastic.meta.engines.launch import free_port

from .engine_runs import (
    LAST,
    STEPS,
    finished,
    metrics_of,
    started,
    wait_for,
)


def _close(one: Path, other: Path) -> None:
    """The full state of two runs at their end is the same, to the order of float32 additions."""
    a, b = load_file(one / LAST), load_file(other / LAST)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=2e-3, atol=2e-5, err_msg=name)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process."""
    out = tmp_path_factory.mktemp("engines") / "alone"
    done = finished(out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_a_mesh_gives_what_one_process_gives_and_bears_the_death_of_one(
    alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mesh"
    place = [f"--coordinator=127.0.0.1:{free_port()}", "--num-processes=2", "--engine=mesh"]
    leader, other = (started(out, *place, f"--process-id={i}") for i in range(2))
    wait_for(4, out, leader, other)
    other.kill()
    _, told = leader.communicate(timeout=60)
    printed, silent = other.communicate(timeout=60)
    assert printed == silent == ""  # process 0 alone prints
    assert leader.returncode == 1
    assert told.splitlines()[-1].startswith("metaplastic: another process of this mesh was lost")
    assert "Traceback" not in told
    before = len(metrics_of(out))
    assert 4 <= before < STEPS
    done = finished(out, "--resume")  # on what is left, one process
    assert done.returncode == 0, done.stderr
    for one, two in zip(metrics_of(alone), metrics_of(out), strict=True):
        for key in ("loss", "gradient_norm"):
            assert two[key] == pytest.approx(one[key], rel=2e-3), one["meta_step"]
        assert two["begun"] == one["begun"]
        assert two["truncations"] == one["truncations"]
    _close(alone, out)


@pytest.mark.slow
def test_a_run_of_one_process_goes_on_on_two(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    shutil.copytree(alone, out)
    (out / LAST).unlink()
    done = finished(out, "--resume", "--local-processes=2")
    assert done.returncode == 0, done.stderr
    assert f"resumed at meta-step {STEPS - 1}" in done.stderr
    assert "2 processes, 2 devices" in done.stderr
    _close(alone, out)
    command = load_card(out / "rule.safetensors").command  # what was typed
    assert command.startswith(f"metaplastic meta-train --out={out} ")
    assert command.endswith(" --resume --local-processes=2")


@pytest.mark.slow
def test_an_estimators_state_goes_from_one_process_to_two(tmp_path: Path) -> None:
    pes = ("--set=estimator=pes", "--set=estimator.settings.pairs=2")
    one, two = tmp_path / "one", tmp_path / "two"
    done = finished(one, *pes)
    assert done.returncode == 0, done.stderr
    shutil.copytree(one, two)
    assert any("'xi'" in name or ".xi" in name for name in load_file(two / LAST))
    (two / LAST).unlink()
    done = finished(two, *pes, "--resume", "--local-processes=2")
    assert done.returncode == 0, done.stderr
    assert "2 processes, 2 devices" in done.stderr
    _close(one, two)


@pytest.mark.slow
def test_two_processes_go_from_stage_to_stage(alone: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "stages.toml", tmp_path / "staged"
    file.write_text("[[stages]]\nuntil = 3\n[[stages]]\nuntil = 2\n")
    done = finished(out, f"--config={file}", "--local-processes=2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("2 processes, 2 devices") == 2
    losses = [[m["loss"] for m in metrics_of(run)] for run in (alone, out / "stage-1")]
    assert losses[1] == pytest.approx(losses[0][:3], rel=2e-3)
    card = load_card(out / "rule.safetensors")
    assert (card.earlier_meta_steps, card.meta_steps) == (3, 2)


@pytest.mark.slow
def test_an_error_of_process_0_ends_all_with_one_line(alone: Path, tmp_path: Path) -> None:
    done = finished(alone, "--local-processes=2")
    assert done.returncode == 2
    assert "already holds a run" in done.stderr
    assert "process 0 ended: " in done.stderr
    assert "Traceback" not in done.stderr
    odd = finished(tmp_path / "odd", "--local-processes=2", "--set=tasks_per_group=3")
    assert odd.returncode == 2
    assert "3 tasks per group cannot be split evenly over 2 processes" in odd.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--engine=meshh"], "Did you mean 'mesh'?"),
        (["--engine=mesh", "--num-processes=2"], "given together"),
        (["--engine=mesh", "--coordinator=here", "--num-processes=2", "--process-id=0"],
         "give host:port"),
        (["--engine=mesh", "--coordinator=127.0.0.1:1", "--num-processes=2", "--process-id=2"],
         "from 0 to 1"),
        (["--engine=ray", "--local-processes=2"], "is for engine mesh only"),
        (["--local-processes=0"], "at least 1"),
    ],
)  # fmt: skip
def test_mistakes_get_one_line(arguments: list[str], named: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["meta-train", "--out", str(tmp_path / "run"), *arguments])
    assert isinstance(result.exception, MetaplasticError)
    assert named in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_of_one_kind_of_engine_does_not_go_on_with_the_other(alone: Path) -> None:
    result = CliRunner().invoke(
        app, ["meta-train", "--out", str(alone), "--resume", "--engine", "ray"]
    )
    assert isinstance(result.exception, MetaplasticError)
    assert "cannot be continued with engine 'ray'" in str(result.exception)
