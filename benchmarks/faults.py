"""`python -m benchmarks.faults [NAME ...]`: fault injection into tiny real runs.

Processes are killed (SIGKILL), frozen (SIGSTOP) or made to send NaN. The reaction of the run is
written to results/scaling-faults.json; the script fails if a promise of docs/scaling.md is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.engines_agree import CONFIG as SMALL
from benchmarks.trial_results import save_trial
from metaplastic.meta.engines.launch import free_port
from metaplastic.meta.run.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "scaling-faults.json"
# a rule that compiles in seconds, so that a killed worker is soon replaced
CONFIG = {**SMALL, "rule": {"name": "hebbian"}}


def command(out: Path, *options: str) -> list[str]:
    """Return the command of a tiny run that would take hours."""
    config = {**CONFIG, "optimizer": {"meta_steps": 10**6}}
    file = out.with_suffix(".json")
    file.write_text(json.dumps(config))
    config_option = [] if "--resume" in options else [f"--config={file}"]
    return [sys.executable, "-m", "metaplastic", "meta-train", f"--out={out}",
            "--checkpoint-seconds=2", *config_option, *options]  # fmt: skip


def start(out: Path, *options: str, log: str = "log") -> subprocess.Popen[bytes]:
    """Start the run with its output in OUT.LOG."""
    with out.with_suffix(f".{log}").open("ab") as file:
        return subprocess.Popen(command(out, *options), stdout=file, stderr=file)


def log_lines(out: Path, log: str = "log") -> list[str]:
    """Return the lines that the run printed."""
    return out.with_suffix(f".{log}").read_text().splitlines()


def wait_for(steps: int, out: Path, process: subprocess.Popen[bytes], seconds: float = 300) -> None:
    """Wait until the run has taken that many meta-steps."""
    deadline = time.monotonic() + seconds
    while len(read_metrics(out)) < steps:
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the run makes no progress: {log_lines(out)[-5:]}")
        time.sleep(0.2)


def workers_of(trainer: int, actor: bytes = b"Worker") -> list[int]:
    """Return the worker processes (or other actors) of the Ray cluster that `trainer` started."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            names[int(entry.name)] = (entry / "cmdline").read_bytes()
            parents[int(entry.name)] = int(stat[1])
        except OSError:
            continue
    pids = []
    for pid, name in names.items():
        ancestor = pid
        while ancestor not in (0, 1, trainer):
            ancestor = parents.get(ancestor, 0)
        if ancestor == trainer and name.startswith(b"ray::" + actor):
            pids.append(pid)
    return pids


def stop(process: subprocess.Popen[bytes]) -> int:
    """Send SIGTERM, on which the run saves and ends; return its status."""
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=120)


def summary(out: Path) -> dict[str, Any]:
    """Summarise a run of engine `ray`; fails if a gradient was counted twice."""
    metrics = read_metrics(out)
    names = [tuple(name) for m in metrics for name in m["gradients"]]
    assert len(set(names)) == len(names), "a gradient was counted twice"
    assert [m["meta_step"] for m in metrics] == list(range(1, len(metrics) + 1))
    return {
        "meta_steps": len(metrics),
        "gradients_counted": len(names),
        "counted_twice": len(names) - len(set(names)),
        "workers_lost": sum(m["lost_workers"] for m in metrics),
        "workers_begun": 1 + max(name[0] for name in names),
        "dropped_as_stale": sum(m["stale"] for m in metrics),
        "loss_of_first_and_last_20": [
            sum(m["loss"] for m in part) / len(part) for part in (metrics[:20], metrics[-20:])
        ],
    }


def ray_workers_killed(folder: Path, minutes: float) -> dict[str, Any]:
    """Kill random workers for some minutes."""
    out, rng = folder / "kills", random.Random(0)
    trainer = start(out, "--engine=ray", "--workers=4")
    wait_for(4, out, trainer)
    end, kills, began = time.monotonic() + 60 * minutes, 0, len(read_metrics(out))
    while time.monotonic() < end:
        time.sleep(rng.uniform(2.0, 6.0))
        assert trainer.poll() is None, log_lines(out)[-3:]
        if workers := workers_of(trainer.pid):
            os.kill(rng.choice(workers), signal.SIGKILL)
            kills += 1
    after = len(read_metrics(out))
    wait_for(after + 10, out, trainer)
    status = stop(trainer)
    assert status == 128 + signal.SIGTERM
    return {
        "minutes": minutes,
        "kills": kills,
        "meta_steps_meanwhile": after - began,
        "status_at_sigterm": status,
        **summary(out),
        "told": [line for line in log_lines(out) if "lost" in line][:3],
    }


def ray_trainer_killed(folder: Path) -> dict[str, Any]:
    """Kill the trainer three times at random and resume it each time."""
    out, rng, steps = folder / "trainer", random.Random(1), []
    trainer = start(out, "--engine=ray", "--workers=2")
    for _ in range(3):
        wait_for(len(read_metrics(out)) + 20, out, trainer)
        time.sleep(rng.uniform(0.0, 4.0))
        trainer.kill()
        trainer.wait()
        steps.append(len(read_metrics(out)))
        trainer = start(out, "--engine=ray", "--workers=2", "--resume")
    wait_for(steps[-1] + 20, out, trainer)
    time.sleep(rng.uniform(0.0, 4.0))
    assert stop(trainer) == 128 + signal.SIGTERM
    resumed = [line for line in log_lines(out) if "resumed at" in line]
    assert len(resumed) == 3
    return {"killed_at_meta_steps": steps, "told": resumed, **summary(out)}


def ray_worker_hangs(folder: Path) -> dict[str, Any]:
    """Freeze a worker; the trainer abandons it after --worker-timeout."""
    out = folder / "hangs"
    trainer = start(out, "--engine=ray", "--workers=2", "--worker-timeout=60")
    wait_for(20, out, trainer)
    next_incarnation = 1 + max(name[0] for m in read_metrics(out) for name in m["gradients"])
    frozen = workers_of(trainer.pid)[0]
    os.kill(frozen, signal.SIGSTOP)
    began = time.monotonic()
    while not any("silent for 60 s" in line for line in log_lines(out)):
        assert trainer.poll() is None
        assert time.monotonic() - began < 300
        time.sleep(0.2)
    seconds = time.monotonic() - began
    while not any(
        name[0] >= next_incarnation for m in read_metrics(out) for name in m["gradients"]
    ):
        assert trainer.poll() is None
        assert time.monotonic() - began < 900, "no worker replaced the frozen one"
        time.sleep(0.2)
    wait_for(len(read_metrics(out)) + 20, out, trainer)
    killed = not Path(f"/proc/{frozen}/fd/0").exists()
    heard = {name[0] for m in read_metrics(out)[-20:] for name in m["gradients"]}
    assert killed, "the frozen worker was not ended and keeps its CPU"
    assert stop(trainer) == 128 + signal.SIGTERM
    lines = [line for line in log_lines(out) if "silent" in line]
    return {
        "given_up_after_seconds": seconds,
        "killed": killed,
        "heard_of_in_the_last_20_updates": sorted(heard),
        "told": lines,
        **summary(out),
    }


def ray_helper_killed(folder: Path) -> dict[str, Any]:
    """Kill one of two helpers."""
    from benchmarks.faults_helpers import helper_killed

    return helper_killed(folder)


def ray_helper_frozen(folder: Path) -> dict[str, Any]:
    """Freeze one of two helpers."""
    from benchmarks.faults_helpers import helper_frozen

    return helper_frozen(folder)


def ray_worker_sends_nan(folder: Path) -> dict[str, Any]:
    """Let a worker send NaN as its third gradient."""
    from benchmarks.nan_worker import run

    return run(folder / "nan")


def _mesh(folder: Path, name: str, victim: int, number: signal.Signals) -> dict[str, Any]:
    out = folder / name
    mesh_options = [f"--coordinator=127.0.0.1:{free_port()}", "--num-processes=2", "--engine=mesh"]
    processes = [start(out, *mesh_options, f"--process-id={i}", log=f"log{i}") for i in range(2)]
    wait_log = out.with_suffix(".log")
    wait_log.touch()
    wait_for(10, out, processes[0])
    time.sleep(3)
    began = time.monotonic()
    processes[victim].send_signal(number)
    other = processes[1 - victim]
    status = other.wait(timeout=60)
    seconds = time.monotonic() - began
    processes[victim].kill()
    processes[victim].wait()
    line = log_lines(out, f"log{1 - victim}")[-1]
    assert status == 1
    assert line.startswith("metaplastic: another process of this mesh was lost")
    saved = len(read_metrics(out))
    remaining = start(out, "--resume")
    wait_for(saved + 5, out, remaining)
    assert stop(remaining) == 128 + signal.SIGTERM
    resumed = [text for text in log_lines(out) if "resumed at" in text]
    return {
        "victim": f"process {victim}, {number.name}",
        "seconds_until_the_other_ended": seconds,
        "its_status": status,
        "told": [line, *resumed],
    }


def mesh_process_killed(folder: Path) -> dict[str, Any]:
    """Kill process 1 of two, and in another run process 0."""
    return {
        "process_1": _mesh(folder, "mesh1", 1, signal.SIGKILL),
        "process_0": _mesh(folder, "mesh0", 0, signal.SIGKILL),
    }


def mesh_process_frozen(folder: Path) -> dict[str, Any]:
    """Freeze process 1 of two, as if its host had died: no connection is closed."""
    return _mesh(folder, "mesh2", 1, signal.SIGSTOP)


TRIALS: dict[str, Callable[..., dict[str, Any]]] = {
    f.__name__: f
    for f in (
        mesh_process_killed,
        mesh_process_frozen,
        ray_trainer_killed,
        ray_worker_hangs,
        ray_helper_killed,
        ray_helper_frozen,
        ray_worker_sends_nan,
        ray_workers_killed,
    )
}


def main() -> None:
    """Run the named trials, or all of them, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TRIALS, []])
    parser.add_argument("--minutes", type=float, default=5.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names or TRIALS:
            extra = (arguments.minutes,) if name == "ray_workers_killed" else ()
            load = os.getloadavg()[0]
            results = TRIALS[name](Path(folder), *extra)
            save_trial(RESULTS, name, f"python -m benchmarks.faults {name}", load, results)


if __name__ == "__main__":
    main()
