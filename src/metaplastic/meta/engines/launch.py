"""Starts the processes of a mesh on this machine, on loopback, each pinned to its own core."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from metaplastic.errors import ConfigError

GRACE_SECONDS = 60.0  # time for the other processes to notice that one is lost
_PR_SET_PDEATHSIG = 1


def launch(command: Sequence[str], count: int, environment: Mapping[str, str] | None = None) -> int:
    """Run `command` in `count` processes that form a mesh on loopback; return the exit status.

    `environment` is added to the environment of this process. Signals are forwarded to process 0,
    which saves and ends the others. If one process dies, the others have a minute to end by
    themselves. Raises `ConfigError` if `count` is below 1.
    """
    if count < 1:
        raise ConfigError(f"--local-processes {count}: must be at least 1")
    address = f"127.0.0.1:{free_port()}"
    processes: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _: object) -> None:
        if processes:
            processes[0].send_signal(number)

    handlers = {n: signal.signal(n, forward) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        for index, core in enumerate(local_cores(count)):
            mesh = [f"--coordinator={address}", f"--num-processes={count}"]
            processes.append(
                subprocess.Popen(
                    [*command, *mesh, f"--process-id={index}"],
                    # an interrupt from the terminal reaches only this process, which forwards it
                    start_new_session=True,
                    env={**os.environ, **(environment or {})},
                    preexec_fn=_preparation(core),
                )
            )
        return _wait(processes)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    deadline = float("inf")
    while any(p.poll() is None for p in processes) and time.monotonic() < deadline:
        ended = [p.returncode for p in processes if p.returncode is not None]
        if deadline == float("inf") and ended:
            deadline = time.monotonic() + GRACE_SECONDS
        time.sleep(0.1)
    statuses = [p.poll() for p in processes]
    failures = [s for s in statuses if s != 0]
    if not failures:
        return 0
    # that of process 0 is the most informative, while that of a killed process is not
    return next((s for s in failures if s is not None and s > 0), 1)


def _preparation(core: int | None) -> Callable[[], None]:
    """Return a function for a child to call first: it pins it and ends it with its parent."""
    library = ctypes.CDLL(None)

    def prepare() -> None:
        if core is not None:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {core})
        if hasattr(library, "prctl"):
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return prepare


def free_port() -> int:
    """Return an unused port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def local_cores(count: int) -> Sequence[int | None]:
    """Choose a core for each of `count` processes, among those that this one may use; None for all
    if the system does not say or there are too few."""
    if not hasattr(os, "sched_getaffinity"):
        return [None] * count
    cores = sorted(os.sched_getaffinity(0))
    return cores[:count] if count <= len(cores) else [None] * count
