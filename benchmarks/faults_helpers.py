"""Faults of helpers of engine `ray`, two with two workers each, for benchmarks/faults.py."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from benchmarks import faults
from metaplastic.meta.engines.helper import NAMES
from metaplastic.meta.run.metrics import read_metrics

TREE = ("--engine=ray", "--workers=4", "--fan-in=2", "--gradients-per-step=4")


def _wait_until(condition: Any, trainer: Any, out: Path, seconds: float = 300) -> float:
    """Wait for a condition and return the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert trainer.poll() is None, faults.log_lines(out)[-3:]
        assert time.monotonic() - began < seconds, faults.log_lines(out)[-3:]
        time.sleep(0.2)
    return time.monotonic() - began


def _senders(out: Path, first: int) -> int:
    """Count the workers of incarnation `first` or later that sent a gradient."""
    names = [name for m in read_metrics(out) for name in m["gradients"]]
    return len({name[0] for name in names if name[0] >= first})


def _ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}/fd/0").exists()


def helper_killed(folder: Path) -> dict[str, Any]:
    """Kill a helper: its workers end with it, and another helper replaces it."""
    out = folder / "helpers"
    trainer = faults.start(out, *TREE, "--worker-timeout=120")
    faults.wait_for(10, out, trainer, 600)
    helpers, workers = (faults.workers_of(trainer.pid, of) for of in (b"RayHelper", b"Worker"))
    assert len(helpers) == 2
    assert len(workers) == 4
    begun = time.monotonic()
    os.kill(helpers[0], signal.SIGKILL)
    seconds = _wait_until(lambda: sum(map(_ended, workers)) == 2, trainer, out)
    _wait_until(lambda: _senders(out, 2 * NAMES) == 2, trainer, out)
    back = time.monotonic() - begun
    faults.wait_for(len(read_metrics(out)) + 10, out, trainer)
    current = faults.workers_of(trainer.pid, b"Worker")
    assert faults.stop(trainer) == 128 + signal.SIGTERM
    lines = [line for line in faults.log_lines(out) if "lost" in line]
    assert len(lines) == 1
    return {
        "seconds_until_its_workers_ended": seconds,
        "seconds_until_new_workers_sent": back,
        "workers_after": len(current),
        "lost_helpers": sum(m["lost_helpers"] for m in read_metrics(out)),
        "told": lines,
        **faults.summary(out),
    }


def helper_frozen(folder: Path) -> dict[str, Any]:
    """Freeze a helper: it is abandoned, and it and its workers are ended."""
    out = folder / "frozen"
    trainer = faults.start(out, *TREE, "--worker-timeout=60")
    faults.wait_for(10, out, trainer, 600)
    helpers, workers = (faults.workers_of(trainer.pid, of) for of in (b"RayHelper", b"Worker"))
    os.kill(helpers[0], signal.SIGSTOP)
    seconds = _wait_until(lambda: _ended(helpers[0]), trainer, out)
    _wait_until(lambda: sum(map(_ended, workers)) == 2, trainer, out)
    _wait_until(lambda: _senders(out, 2 * NAMES) == 2, trainer, out)
    assert faults.stop(trainer) == 128 + signal.SIGTERM
    lines = [line for line in faults.log_lines(out) if "lost" in line]
    return {"given_up_after_seconds": seconds, "told": lines, **faults.summary(out)}
