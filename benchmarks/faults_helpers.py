"""Helpers of engine `ray` tried for real, two with two workers each, for benchmarks/faults.py."""

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


def _until(happened: Any, trainer: Any, out: Path, seconds: float = 300) -> float:
    """Seconds until that was so."""
    began = time.monotonic()
    while not happened():
        assert trainer.poll() is None, faults.told(out)[-3:]
        assert time.monotonic() - began < seconds, faults.told(out)[-3:]
        time.sleep(0.2)
    return time.monotonic() - began


def _heard_of(out: Path, first: int) -> int:
    """How many workers of incarnation `first` or later sent a gradient."""
    names = [name for m in read_metrics(out) for name in m["gradients"]]
    return len({name[0] for name in names if name[0] >= first})


def _gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}/fd/0").exists()


def helper_killed(folder: Path) -> dict[str, Any]:
    """A helper killed: its workers end with it, another takes its place."""
    out = folder / "helpers"
    trainer = faults.start(out, *TREE, "--worker-timeout=120")
    faults.wait_for(10, out, trainer, 600)
    helpers, workers = (faults.workers_of(trainer.pid, of) for of in (b"RayHelper", b"Worker"))
    assert len(helpers) == 2
    assert len(workers) == 4
    begun = time.monotonic()
    os.kill(helpers[0], signal.SIGKILL)
    seconds = _until(lambda: sum(map(_gone, workers)) == 2, trainer, out)
    _until(lambda: _heard_of(out, 2 * NAMES) == 2, trainer, out)
    back = time.monotonic() - begun
    faults.wait_for(len(read_metrics(out)) + 10, out, trainer)
    now = faults.workers_of(trainer.pid, b"Worker")
    assert faults.stop(trainer) == 128 + signal.SIGTERM
    lines = [line for line in faults.told(out) if "lost" in line]
    assert len(lines) == 1
    return {
        "seconds_until_its_workers_ended": seconds,
        "seconds_until_new_workers_sent": back,
        "workers_after": len(now),
        "lost_helpers": sum(m["lost_helpers"] for m in read_metrics(out)),
        "told": lines,
        **faults.summary(out),
    }


def helper_frozen(folder: Path) -> dict[str, Any]:
    """A helper frozen: it is given up, and it and its workers end."""
    out = folder / "frozen"
    trainer = faults.start(out, *TREE, "--worker-timeout=60")
    faults.wait_for(10, out, trainer, 600)
    helpers, workers = (faults.workers_of(trainer.pid, of) for of in (b"RayHelper", b"Worker"))
    os.kill(helpers[0], signal.SIGSTOP)
    seconds = _until(lambda: _gone(helpers[0]), trainer, out)
    _until(lambda: sum(map(_gone, workers)) == 2, trainer, out)
    _until(lambda: _heard_of(out, 2 * NAMES) == 2, trainer, out)
    assert faults.stop(trainer) == 128 + signal.SIGTERM
    lines = [line for line in faults.told(out) if "lost" in line]
    return {"given_up_after_seconds": seconds, "told": lines, **faults.summary(out)}
