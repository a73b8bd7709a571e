"""Starts the processes of a mesh on this machine, on loopback, each on a core of its own."""

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

GRACE_SECONDS = 60.0  # how long the others may take to notice that one is lost
_PR_SET_PDEATHSIG = 1


def launch(command: Sequence[str], count: int, environment: Mapping[str, str] | None = None) -> int:
    """Run `command` `count` times with the options of a mesh on loopback; the exit status.

    `environment` is added to this process's own. Signals go to process 0, which saves and ends
    the others. Where one dies, the others have a minute to end by themselves. Raises
    `ConfigError` where `count` is below 1.
    """
    if count < 1:
        raise ConfigError(f"--local-processes {count}: at least 1")
    address = f"127.0.0.1:{free_port()}"
    processes: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _: object) -> None:
        if processes:
            processes[0].send_signal(number)

    before = {n: signal.signal(n, forward) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        for index, core in enumerate(local_cores(count)):
            place = [f"--coordinator={address}", f"--num-processes={count}"]
            processes.append(
                subprocess.Popen(
                    [*command, *place, f"--process-id={index}"],
                    # a terminal's interrupt reaches only this process, which passes it on
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
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    deadline = float("inf")
    while any(p.poll() is None for p in processes) and time.monotonic() < deadline:
        ended = [p.returncode for p in processes if p.returncode is not None]
        if deadline == float("inf") and ended:
            deadline = time.monotonic() + GRACE_SECONDS
        time.sleep(0.1)
    statuses = [p.poll() for p in processes]
    # process 0's says most; that of a killed process says nothing
    bad = [s for s in statuses if s != 0]
    if not bad:
        return 0
    return next((s for s in bad if s is not None and s > 0), 1)


def _preparation(core: int | None) -> Callable[[], None]:
    """What a child calls before it runs: it is pinned to its core, and ends with its parent."""
    library = ctypes.CDLL(None)

    def prepare() -> None:
        if core is not None:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {core})
        if hasattr(library, "prctl"):
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return prepare


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def local_cores(count: int) -> Sequence[int | None]:
    """A core for each of `count` processes, among those this one may use; None where the system
    does not say, or there are too few."""
    if not hasattr(os, "sched_getaffinity"):
        return [None] * count
    cores = sorted(os.sched_getaffinity(0))
    return cores[:count] if count <= len(cores) else [None] * count
