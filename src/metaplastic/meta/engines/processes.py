"""The process of a Ray worker, and its end where it is frozen: Ray asks a worker to end, which one
that is frozen does not hear, so that its CPU would stay taken."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any, NamedTuple


class Process(NamedTuple):
    """A process of a cluster. When it began tells it from a later one of the same number."""

    node: str
    pid: int
    began: str | None  # None where the system has no /proc


def this_process() -> Process:
    """The process of the actor that calls it."""
    import ray

    pid = os.getpid()
    return Process(ray.get_runtime_context().get_node_id(), pid, began(pid))


def began(pid: int) -> str | None:
    """When a process of this machine began, in ticks since the machine did; None if it is not
    there, or the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def kill(process: Process) -> bool:
    """End a process of this machine at once, frozen or not; whether it was there. Another one that
    has its number by now is left alone."""
    if process.began is None or began(process.pid) != process.began:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    return True


def kill_anywhere(ray: Any, process: Process) -> None:
    """End a process of the cluster, by a task on its machine; nothing is waited for."""
    if process.node == ray.get_runtime_context().get_node_id():
        kill(process)
        return
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    place = NodeAffinitySchedulingStrategy(node_id=process.node, soft=False)
    task = ray.remote(num_cpus=0, max_retries=0)(kill)
    task.options(scheduling_strategy=place).remote(process)
