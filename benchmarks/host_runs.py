"""Runs of `meta-train` on emulated hosts, for the trials of `benchmarks.hosts`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults import CONFIG
from benchmarks.namespaces import Host
from metaplastic.meta.run.metrics import read_metrics


class Run:
    """A run of `meta-train` whose run directory is shared by all hosts."""

    def __init__(self, folder: Path, name: str, steps: int) -> None:
        self.folder, self.name = folder, name
        self.out = folder / name
        config = {**CONFIG, "optimizer": {"meta_steps": steps}}
        (folder / f"{name}.json").write_text(json.dumps(config))

    def start(self, host: Host, *options: str, log: str = "log") -> subprocess.Popen[bytes]:
        """Start the run on a host."""
        config_option = [] if "--resume" in options else [f"--config=/mnt/{self.name}.json"]
        command = [sys.executable, "-m", "metaplastic", "meta-train", f"--out=/mnt/{self.name}"]
        return host.start(
            *command, "--checkpoint-seconds=2", *config_option, *options, log=f"{self.name}.{log}"
        )

    def lines(self, log: str = "log") -> list[str]:
        """Return the lines that the run printed."""
        return (self.folder / f"{self.name}.{log}").read_text().splitlines()

    def wait(self, steps: int, process: subprocess.Popen[bytes], log: str = "log") -> None:
        """Wait until the run has taken that many meta-steps."""
        wait_until(
            lambda: len(read_metrics(self.out)) >= steps, lambda: (process.poll(), self.lines(log))
        )


def wait_until(
    condition: Callable[[], bool], state: Callable[[], Any], limit: float = 900
) -> float:
    """Wait for a condition and return the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < limit, state()
        time.sleep(0.1)
    return time.monotonic() - began


def rate(run: Run, seconds: float) -> float:
    """Measure meta-steps per second over the next seconds."""
    before, began = len(read_metrics(run.out)), time.monotonic()
    time.sleep(seconds)
    return (len(read_metrics(run.out)) - before) / (time.monotonic() - began)
