"""Start and end of the processes of engine `mesh` on the command line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from metaplastic.cli.ending import report

if TYPE_CHECKING:
    from metaplastic.meta.engines.cluster import Cluster
    from metaplastic.meta.engines.meeting import Meeting


def start_local_processes(count: int) -> int:
    """Run this command again as `count` processes of a mesh on this machine; return the exit
    status."""
    from metaplastic.cli.runtime import TYPED, command_line
    from metaplastic.meta.engines.launch import launch

    arguments, skip = [], False
    for argument in sys.argv[1:]:
        if not skip and not argument.startswith("--local-processes="):
            arguments.append(argument)
        skip = argument == "--local-processes"
        if skip:
            arguments.pop()
    if not any(a == "--engine" or a.startswith("--engine=") for a in arguments):
        arguments.append("--engine=mesh")
    command = [sys.executable, "-m", "metaplastic", *arguments]
    return launch(command, count, {TYPED: command_line()})


@contextmanager
def joined(meeting: Meeting | None) -> Iterator[Cluster | None]:
    """Join the processes of a mesh inside the context; yield None if there is no meeting.

    An error in process 0 is sent to the others. If a process is lost, or on any other error, this
    process exits at once, with one line and a status: JAX's own shutdown would wait for processes
    that may hang.
    """
    if meeting is None:
        yield None
        return
    from metaplastic.meta.engines.cluster import PeerLostError, join

    cluster = None
    try:
        cluster = join(meeting)
        yield cluster
        if cluster.leads:
            cluster.announce({"do": "end"})
        cluster.leave()
    except PeerLostError as error:
        report(error)
        _exit(1)
    except Exception as error:
        if cluster is not None and cluster.leads:
            with suppress(PeerLostError):
                cluster.announce({"do": "end", "error": str(error)})
        _exit(report(error))


def _exit(status: int) -> NoReturn:
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def take_part(cluster: Cluster, data_dir: Path | None) -> None:
    """Run a process other than 0. It prints nothing and writes no files. A signal that reaches all
    processes (from Slurm or a terminal) is left to process 0; a second one ends this process."""
    from metaplastic.meta.engines.mesh import follow

    received = []

    def handle(number: int, _: object) -> None:
        received.append(number)
        if len(received) > 1:
            os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    follow(cluster, data_dir)
