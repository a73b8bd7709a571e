"""Measurements in child processes, as affinity, threads and XLA flags apply to a whole process.

A child is `python -m benchmarks.child JOB JSON`; its last line on stdout is the result as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class ChildError(Exception):
    """A child ended without a result."""


@dataclass(frozen=True)
class Placement:
    """The cores that a child runs on; empty `cores` leave the affinity unchanged."""

    name: str
    cores: tuple[int, ...] = ()

    @property
    def threads(self) -> int:
        return max(1, len(self.cores))


def start(
    job: str, arguments: dict[str, Any], placement: Placement, cache: Path | None
) -> subprocess.Popen[str]:
    """Start a child process; `cache` is its folder for compiled programs."""
    environment = dict(os.environ)
    if placement.cores:
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[variable] = str(placement.threads)
    settings = {
        "cores": list(placement.cores),
        "cache": str(cache) if cache else None,
        "arguments": arguments,
    }
    command = [sys.executable, "-m", "benchmarks.child", job, json.dumps(settings)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # so that `stop` reaches the child's own children
    )


def stop(child: subprocess.Popen[str]) -> None:
    """Kill the child and its own children if it is running."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=5)


def finish(child: subprocess.Popen[str], timeout: float, send: str = "") -> dict[str, Any]:
    """Return the child's result. Raises `ChildError` with its last output, or after the timeout."""
    try:
        output, errors = child.communicate(send, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ChildError(f"no result within {timeout:.0f} s") from None
    finally:
        stop(child)
    if child.returncode:
        lines = errors.strip().splitlines() or [f"exit status {child.returncode}"]
        raise ChildError(lines[-1][:300])
    return json.loads(output.strip().splitlines()[-1])


def run(
    job: str,
    arguments: dict[str, Any],
    placement: Placement,
    *,
    cache: Path | None = None,
    timeout: float = 300.0,
) -> dict[str, Any]:
    """Run a job and return its result. Raises `ChildError` if it fails."""
    return finish(start(job, arguments, placement, cache), timeout)


def main() -> None:
    job, settings = sys.argv[1], json.loads(sys.argv[2])
    if settings["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, settings["cores"])

    from metaplastic.threads import one_thread_per_operation

    one_thread_per_operation()  # as the command line does
    import jax

    if settings["cache"]:
        jax.config.update("jax_compilation_cache_dir", settings["cache"])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    result = importlib.import_module(f"benchmarks.jobs.{job}").run(settings["arguments"])
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
