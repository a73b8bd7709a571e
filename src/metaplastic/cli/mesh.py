"""How the processes of engine `mesh` begin and end on the command line."""

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
    """This command again as `count` processes of a mesh on this machine; the exit status."""
    from metaplastic.cli.runtime import TYPED, command_line
    from metaplastic.meta.engines.launch import launch

    rest, skip = [], False
    for argument in sys.argv[1:]:
        if not skip and not argument.startswith("--local-processes="):
            rest.append(argument)
        skip = argument == "--local-processes"
        if skip:
            rest.pop()
    if not any(a == "--engine" or a.startswith("--engine=") for a in rest):
        rest.append("--engine=mesh")
    command = [sys.executable, "-m", "metaplastic", *rest]
    return launch(command, count, {TYPED: command_line()})


@contextmanager
def joined(meeting: Meeting | None) -> Iterator[Cluster | None]:
    """The processes of a mesh, met; None where there is no meeting.

    An error of process 0 is sent to the others. Where one is lost, or anything else goes wrong,
    the process ends at once, with one line and a status: JAX's farewell would wait for processes
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
        _end(1)
    except Exception as error:
        if cluster is not None and cluster.leads:
            with suppress(PeerLostError):
                cluster.announce({"do": "end", "error": str(error)})
        _end(report(error))


def _end(status: int) -> NoReturn:
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def take_part(cluster: Cluster, data_dir: Path | None) -> None:
    """All that a process other than 0 does. It prints nothing and writes no file; signals that
    reach all processes (Slurm's, a terminal's) are process 0's to act on, twice end at once."""
    from metaplastic.meta.engines.mesh import follow

    received = []

    def heed(number: int, _: object) -> None:
        received.append(number)
        if len(received) > 1:
            os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, heed)
    follow(cluster, data_dir)
