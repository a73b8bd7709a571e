"""Trials of engine `mesh` on several emulated hosts; run by `benchmarks.hosts`."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.host_runs import Run, rate
from benchmarks.namespaces import Host
from metaplastic.meta.run.metrics import read_metrics

PORT = 4321
LOST = "metaplastic: another process of this mesh was lost"


def _mesh(run: Run, hosts: list[Host], *options: str) -> list[subprocess.Popen[bytes]]:
    options = ("--engine=mesh", f"--coordinator={hosts[0].address}:{PORT}",
               f"--num-processes={len(hosts)}", *options)  # fmt: skip
    return [
        run.start(host, *options, f"--process-id={i}", f"--bind={host.address}", log=f"log{i}")
        for i, host in enumerate(hosts)
    ]


def mesh_on_two_hosts(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """Check that losses equal those of one process, and that only the given addresses are used."""
    mesh, local = Run(folder, "mesh", 40), Run(folder, "local", 40)
    both = _mesh(mesh, hosts[:2])
    mesh.wait(3, both[0], "log0")
    listens = {host.name: host.listens_on() for host in hosts[:2]}
    assert [p.wait(timeout=300) for p in both] == [0, 0], mesh.lines("log0")
    assert local.start(hosts[0]).wait(timeout=300) == 0
    losses = [[m["loss"] for m in read_metrics(run.out)] for run in (mesh, local)]
    difference = max(abs(a - b) for a, b in zip(*losses, strict=True))
    assert difference < 1e-4
    assert listens == {host.name: [host.address] for host in hosts[:2]}
    return {"meta_steps": 40, "largest_difference_of_a_loss": difference, "listens_on": listens}


def mesh_host_cut_off(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """Take down the link of host 2: both processes end, and the run resumes with one."""
    run = Run(folder, "mesh-cut", 10**6)
    both = _mesh(run, hosts[:2])
    run.wait(10, both[0], "log0")
    time.sleep(3)
    hosts[1].cut_off()
    began, ended = time.monotonic(), {}
    while len(ended) < 2:
        assert time.monotonic() - began < 200
        for i, process in enumerate(both):
            if i not in ended and process.poll() is not None:
                ended[i] = time.monotonic() - began
        time.sleep(0.1)
    hosts[1].cut_off(False)
    assert [p.returncode for p in both] == [1, 1]
    last_lines = [run.lines(f"log{i}")[-1] for i in range(2)]
    assert all(line.startswith(LOST) for line in last_lines), last_lines
    saved = len(read_metrics(run.out))
    again = run.start(hosts[0], "--resume")
    run.wait(saved + 5, again)
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=120) == 128 + signal.SIGTERM
    return {
        "seconds_until_process_0_ended": ended[0],
        "seconds_until_process_1_ended": ended[1],
        "told": [*last_lines, *(t for t in run.lines() if "resumed at" in t)],
    }


def mesh_host_slow(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """Slow down a host: all wait for it, and the losses stay the same."""
    run = Run(folder, "mesh-slow", 10**6)
    both = _mesh(run, hosts[:2])
    run.wait(10, both[0], "log0")
    normal = rate(run, 10)
    with hosts[1].slow():
        slow = rate(run, 20)
    hosts[1].slow_link()
    slow_link = rate(run, 20)
    both[0].send_signal(signal.SIGTERM)
    statuses = [p.wait(timeout=120) for p in both]
    assert statuses[0] == 128 + signal.SIGTERM
    # with the same total of meta-steps, on which the learning rate depends
    local = Run(folder, "mesh-slow-local", 10**6)
    local.start(hosts[0], "--until=100").wait(timeout=500)
    losses = [[m["loss"] for m in read_metrics(r.out)][:100] for r in (run, local)]
    difference = max(abs(a - b) for a, b in zip(*losses, strict=False))
    assert difference < 1e-4, difference
    return {
        "meta_steps_per_second": normal,
        "with_a_host_that_runs_a_fifth_of_the_time": slow,
        "with_a_link_of_1_mbit": slow_link,
        "meta_steps_compared": min(map(len, losses)),
        "largest_difference_of_a_loss": difference,
    }
