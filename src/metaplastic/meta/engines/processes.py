"""The processes of Ray workers, and how to kill them: Ray only asks a worker to end, which a frozen
one ignores, so that its CPU would stay occupied."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any, NamedTuple


class Process(NamedTuple):
    """A process of a cluster. Its start time tells it from a later one with the same pid."""

    node: str
    pid: int
    began: str | None  # None if the system has no /proc


def this_process() -> Process:
    """Return the process of the calling actor."""
    import ray

    pid = os.getpid()
    return Process(ray.get_runtime_context().get_node_id(), pid, began(pid))


def began(pid: int) -> str | None:
    """Return when a process of this machine started, in clock ticks since boot; None if it does not
    exist or the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def kill(process: Process) -> bool:
    """Kill a process of this machine, frozen or not, and return whether it existed. Another process
    that has its pid by now is left alone."""
    if process.began is None or began(process.pid) != process.began:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    return True


def kill_anywhere(ray: Any, process: Process) -> None:
    """Kill a process of the cluster through a task on its machine, without waiting for it."""
    if process.node == ray.get_runtime_context().get_node_id():
        kill(process)
        return
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    strategy = NodeAffinitySchedulingStrategy(node_id=process.node, soft=False)
    task = ray.remote(num_cpus=0, max_retries=0)(kill)
    task.options(scheduling_strategy=strategy).remote(process)
