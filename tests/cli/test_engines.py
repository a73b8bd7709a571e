"""`--engine mesh` and `--engine ray` as a user runs them: real processes, some of them killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from metaplastic.cli.app import app
from metaplastic.errors import MetaplasticError
from metaplastic.hub import load_card
from metaplastic.meta.engines.launch import free_port

STEPS = 12
LAST = f"checkpoints/step-{STEPS:09d}.safetensors"
ENVIRONMENT = {**os.environ, "JAX_NUM_CPU_DEVICES": "1"}
# a rule that compiles in seconds; its two coefficients are meta-trained like any other θ
SETTINGS = [
    "--preset=quick", "--seed=5", "--checkpoint-seconds=0", "--set=rule.name=hebbian",
    "--set=validation.tasks=2", "--set=tasks.architectures.sides=[8]",
    "--set=tasks.architectures.units=[12]", "--set=tasks.architectures.n_features=[8]",
    "--set=tasks.n_classes=5", "--set=tasks.examples_per_class=8", "--set=tasks.labels_per_class=4",
    "--set=unroll.horizon=[4,6]", "--set=unroll.batch_size=16", "--set=validation.every=1000",
    "--set=estimator=truncated", "--set=unroll.truncation=[1,3]",
    "--set=tasks.architectures.layers=[2,2]",
]  # fmt: skip


def _command(out: Path, *more: str) -> list[str]:
    steps = [] if any(m.startswith("--meta-steps") for m in more) else [f"--meta-steps={STEPS}"]
    return [sys.executable, "-m", "metaplastic", "meta-train", f"--out={out}", *SETTINGS, *steps,
            *more]  # fmt: skip


def _start(out: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        _command(out, *more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def _run(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(out, *more),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=ENVIRONMENT,
    )


def _metrics(out: Path) -> list[dict]:
    file = out / "metrics.jsonl"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(line) for line in lines]


def _wait_for(steps: int, out: Path, *processes: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 600
    while len(_metrics(out)) < steps and time.monotonic() < deadline:
        assert all(p.poll() is None for p in processes), processes[0].communicate()
        time.sleep(0.05)


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
    done = _run(out)
    assert done.returncode == 0, done.stderr
    return out


def test_a_mesh_gives_what_one_process_gives_and_bears_the_death_of_one(
    alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mesh"
    place = [f"--coordinator=127.0.0.1:{free_port()}", "--num-processes=2", "--engine=mesh"]
    leader, other = (_start(out, *place, f"--process-id={i}") for i in range(2))
    _wait_for(4, out, leader, other)
    other.kill()
    _, told = leader.communicate(timeout=60)
    printed, silent = other.communicate(timeout=60)
    assert printed == silent == ""  # process 0 alone prints
    assert leader.returncode == 1
    assert told.splitlines()[-1].startswith("metaplastic: another process of this mesh was lost")
    assert "Traceback" not in told
    before = len(_metrics(out))
    assert 4 <= before < STEPS
    done = _run(out, "--resume")  # on what is left, one process
    assert done.returncode == 0, done.stderr
    for one, two in zip(_metrics(alone), _metrics(out), strict=True):
        for key in ("loss", "gradient_norm"):
            assert two[key] == pytest.approx(one[key], rel=2e-3), one["meta_step"]
        assert two["begun"] == one["begun"]
        assert two["truncations"] == one["truncations"]
    _close(alone, out)


def test_a_run_of_one_process_goes_on_on_two(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    shutil.copytree(alone, out)
    (out / LAST).unlink()
    done = _run(out, "--resume", "--local-processes=2")
    assert done.returncode == 0, done.stderr
    assert f"resumed at meta-step {STEPS - 1}" in done.stderr
    assert "2 processes, 2 devices" in done.stderr
    _close(alone, out)
    command = load_card(out / "rule.safetensors").command  # what was typed
    assert command.startswith(f"metaplastic meta-train --out={out} ")
    assert command.endswith(" --resume --local-processes=2")


def test_an_estimators_state_goes_from_one_process_to_two(tmp_path: Path) -> None:
    pes = ("--set=estimator=pes", "--set=estimator.settings.pairs=2")
    one, two = tmp_path / "one", tmp_path / "two"
    done = _run(one, *pes)
    assert done.returncode == 0, done.stderr
    shutil.copytree(one, two)
    assert any("'xi'" in name or ".xi" in name for name in load_file(two / LAST))
    (two / LAST).unlink()
    done = _run(two, *pes, "--resume", "--local-processes=2")
    assert done.returncode == 0, done.stderr
    assert "2 processes, 2 devices" in done.stderr
    _close(one, two)


def test_two_processes_go_from_stage_to_stage(alone: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "stages.toml", tmp_path / "staged"
    file.write_text("[[stages]]\nuntil = 3\n[[stages]]\nuntil = 2\n")
    done = _run(out, f"--config={file}", "--local-processes=2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("2 processes, 2 devices") == 2
    losses = [[m["loss"] for m in _metrics(run)] for run in (alone, out / "stage-1")]
    assert losses[1] == pytest.approx(losses[0][:3], rel=2e-3)
    card = load_card(out / "rule.safetensors")
    assert (card.earlier_meta_steps, card.meta_steps) == (3, 2)


def test_an_error_of_process_0_ends_all_with_one_line(alone: Path, tmp_path: Path) -> None:
    done = _run(alone, "--local-processes=2")
    assert done.returncode == 2
    assert "holds a run already" in done.stderr
    assert "process 0 ended: " in done.stderr
    assert "Traceback" not in done.stderr
    odd = _run(tmp_path / "odd", "--local-processes=2", "--set=tasks_per_group=3")
    assert odd.returncode == 2
    assert "3 tasks a group cannot be split evenly over 2 processes" in odd.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--engine=meshh"], "Did you mean 'mesh'?"),
        (["--engine=mesh", "--num-processes=2"], "go together"),
        (["--engine=mesh", "--coordinator=here", "--num-processes=2", "--process-id=0"],
         "write host:port"),
        (["--engine=mesh", "--coordinator=127.0.0.1:1", "--num-processes=2", "--process-id=2"],
         "from 0 to 1"),
        (["--engine=ray", "--local-processes=2"], "is of engine mesh"),
        (["--local-processes=0"], "at least 1"),
    ],
)  # fmt: skip
def test_mistakes_get_one_line(arguments: list[str], named: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["meta-train", "--out", str(tmp_path / "run"), *arguments])
    assert isinstance(result.exception, MetaplasticError)
    assert named in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_a_run_of_one_kind_of_engine_does_not_go_on_with_the_other(alone: Path) -> None:
    result = CliRunner().invoke(
        app, ["meta-train", "--out", str(alone), "--resume", "--engine", "ray"]
    )
    assert isinstance(result.exception, MetaplasticError)
    assert "cannot go on with engine 'ray'" in str(result.exception)


def test_without_ray_the_extra_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "ray"
    blocked.mkdir()
    (blocked / "__init__.py").write_text("raise ImportError('not here')")
    done = subprocess.run(
        _command(tmp_path / "run", "--engine=ray"),
        capture_output=True,
        text=True,
        check=False,
        env={**ENVIRONMENT, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 2
    assert "pip install 'metaplastic[ray]'" in done.stderr


def _ray_processes(root: int) -> set[int]:
    """All processes that descend from `root`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = set(), [root]
    while queue:
        new = children.get(queue.pop(), [])
        found.update(new)
        queue += new
    return found


def _workers(root: int) -> list[int]:
    found = []
    for pid in _ray_processes(root):
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::Worker"):
                found.append(pid)
        except OSError:
            continue
    return sorted(found)


def _outward_sockets(pids: set[int]) -> list[str]:
    """Addresses, as the kernel writes them, other than loopback that `pids` listen on."""
    inodes = set()
    for pid in pids:
        try:
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                inodes.add(str(entry.readlink()).partition("socket:[")[2].rstrip("]"))
        except OSError:
            continue
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            address = fields[1].rpartition(":")[0]
            loopback = address.endswith("0100007F") or address == "0" * 24 + "01000000"
            if fields[3] == "0A" and fields[9] in inodes and not loopback:
                found.append(fields[1])
    return found


@pytest.mark.skipif(
    "METAPLASTIC_TEST_FAULTS" not in os.environ,
    reason="starts and kills a real Ray for minutes; METAPLASTIC_TEST_FAULTS=1 runs it",
)
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="looks into /proc")
def test_ray_bears_the_death_of_a_worker_and_of_the_trainer(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'metaplastic[ray]'")
    out, ray = tmp_path / "ray", ["--engine=ray", "--workers=2"]
    long = "--meta-steps=100000"
    trainer = _start(out, *ray, long)
    _wait_for(3, out, trainer)
    assert _outward_sockets(_ray_processes(trainer.pid) | {trainer.pid}) == []
    first = _workers(trainer.pid)
    assert len(first) == 2
    os.kill(first[0], signal.SIGKILL)
    deadline = time.monotonic() + 120
    while not any(m["lost_workers"] for m in _metrics(out)) and time.monotonic() < deadline:
        time.sleep(0.1)
    _wait_for(len(_metrics(out)) + 5, out, trainer)
    begun = _ray_processes(trainer.pid)
    trainer.kill()
    _, told = trainer.communicate(timeout=60)
    assert "is lost" in told
    assert "another takes its place" in told
    deadline = time.monotonic() + 240  # the last of Ray to notice are its agents
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}/fd/0").exists() for pid in begun):
        time.sleep(0.1)
    assert not [pid for pid in begun if Path(f"/proc/{pid}/fd/0").exists()]

    again = _start(out, *ray, long, "--resume")
    steps = len(_metrics(out))
    _wait_for(steps + 3, out, again)
    again.send_signal(signal.SIGTERM)
    _, told = again.communicate(timeout=120)
    assert again.returncode == 128 + signal.SIGTERM
    assert "resumed at meta-step" in told
    metrics = _metrics(out)
    assert [m["meta_step"] for m in metrics] == list(range(1, len(metrics) + 1))
    assert sum(m["lost_workers"] for m in metrics) == 1
    names = [tuple(name) for m in metrics for name in m["gradients"]]
    assert len(names) == len(set(names))
    assert all(np.isfinite(m["loss"]) for m in metrics)
