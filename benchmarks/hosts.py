"""`python -m benchmarks.hosts [NAME ...]`: engines `mesh` and `ray` on several hosts, for real.

Hosts are network namespaces of this machine with addresses of their own on a bridge, and folders
/tmp and /dev/shm of their own; one is cut off (its link goes down, so that no connection breaks) or
slow (its link carries 1 Mbit/s, its processes run a fifth of the time). Linux, root, `iproute2` and
`util-linux` are needed. Writes results/scaling-hosts.json; fails where a promise of
docs/scaling.md is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults import CONFIG
from benchmarks.kept import keep
from benchmarks.namespaces import Host, sh
from metaplastic.meta.run.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "scaling-hosts.json"
INSIDE = "METAPLASTIC_INSIDE_NAMESPACES"
PORT = 4321
LOST = "metaplastic: another process of this mesh was lost"


class Run:
    """A run of `meta-train` whose run directory every host sees."""

    def __init__(self, folder: Path, name: str, steps: int) -> None:
        self.folder, self.name = folder, name
        self.out = folder / name
        config = {**CONFIG, "optimizer": {"meta_steps": steps}}
        (folder / f"{name}.json").write_text(json.dumps(config))

    def start(self, host: Host, *more: str, log: str = "log") -> subprocess.Popen[bytes]:
        """Start it on a host."""
        new = [] if "--resume" in more else [f"--config=/mnt/{self.name}.json"]
        command = [sys.executable, "-m", "metaplastic", "meta-train", f"--out=/mnt/{self.name}"]
        return host.start(*command, "--checkpoint-seconds=2", *new, *more, log=f"{self.name}.{log}")

    def told(self, log: str = "log") -> list[str]:
        """What it printed."""
        return (self.folder / f"{self.name}.{log}").read_text().splitlines()

    def wait(self, steps: int, process: subprocess.Popen[bytes], log: str = "log") -> None:
        """Until it has taken so many meta-steps."""
        until(
            lambda: len(read_metrics(self.out)) >= steps, lambda: (process.poll(), self.told(log))
        )


def until(happened: Callable[[], bool], state: Callable[[], Any], seconds: float = 900) -> float:
    """Seconds until that was so."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, state()
        time.sleep(0.1)
    return time.monotonic() - began


def rate(run: Run, seconds: float) -> float:
    """Meta-steps per second, from now on."""
    before, began = len(read_metrics(run.out)), time.monotonic()
    time.sleep(seconds)
    return (len(read_metrics(run.out)) - before) / (time.monotonic() - began)


def _mesh(run: Run, hosts: list[Host], *more: str) -> list[subprocess.Popen[bytes]]:
    place = ["--engine=mesh", f"--coordinator={hosts[0].address}:{PORT}",
             f"--num-processes={len(hosts)}", *more]  # fmt: skip
    return [
        run.start(host, *place, f"--process-id={i}", f"--bind={host.address}", log=f"log{i}")
        for i, host in enumerate(hosts)
    ]


def mesh_on_two_hosts(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """Its losses are those of one process; it listens on the addresses it was given alone."""
    mesh, local = Run(folder, "mesh", 40), Run(folder, "local", 40)
    both = _mesh(mesh, hosts[:2])
    mesh.wait(3, both[0], "log0")
    listens = {host.name: host.listens_on() for host in hosts[:2]}
    assert [p.wait(timeout=300) for p in both] == [0, 0], mesh.told("log0")
    assert local.start(hosts[0]).wait(timeout=300) == 0
    losses = [[m["loss"] for m in read_metrics(run.out)] for run in (mesh, local)]
    difference = max(abs(a - b) for a, b in zip(*losses, strict=True))
    assert difference < 1e-4
    assert listens == {host.name: [host.address] for host in hosts[:2]}
    return {"meta_steps": 40, "largest_difference_of_a_loss": difference, "listens_on": listens}


def mesh_host_cut_off(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """The link of host 2 goes down: both processes end, and the run goes on with one."""
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
    lines = [run.told(f"log{i}")[-1] for i in range(2)]
    assert all(line.startswith(LOST) for line in lines), lines
    saved = len(read_metrics(run.out))
    again = run.start(hosts[0], "--resume")
    run.wait(saved + 5, again)
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=120) == 128 + signal.SIGTERM
    return {
        "seconds_until_process_0_ended": ended[0],
        "seconds_until_process_1_ended": ended[1],
        "told": [*lines, *(t for t in run.told() if "resumed at" in t)],
    }


def mesh_host_slow(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """All wait for the slow host; the losses stay the same."""
    run = Run(folder, "mesh-slow", 10**6)
    both = _mesh(run, hosts[:2])
    run.wait(10, both[0], "log0")
    alike = rate(run, 10)
    with hosts[1].slow():
        slow = rate(run, 20)
    hosts[1].slow_link()
    slow_link = rate(run, 20)
    both[0].send_signal(signal.SIGTERM)
    statuses = [p.wait(timeout=120) for p in both]
    assert statuses[0] == 128 + signal.SIGTERM
    # of as many meta-steps in all, which the learning rate depends on
    local = Run(folder, "mesh-slow-local", 10**6)
    local.start(hosts[0], "--until=100").wait(timeout=500)
    losses = [[m["loss"] for m in read_metrics(r.out)][:100] for r in (run, local)]
    difference = max(abs(a - b) for a, b in zip(*losses, strict=False))
    assert difference < 1e-4, difference
    return {
        "meta_steps_per_second": alike,
        "with_a_host_that_runs_a_fifth_of_the_time": slow,
        "with_a_link_of_1_mbit": slow_link,
        "meta_steps_compared": min(map(len, losses)),
        "largest_difference_of_a_loss": difference,
    }


def _join(host: Host, head: Host, first: bool) -> None:
    ray = str(Path(sys.executable).parent / "ray")
    if first:
        where = ["--head", "--port=6379", "--include-dashboard=false"]
    else:
        where = [f"--address={head.address}:6379"]
    host.run(
        ray, "start", *where, f"--node-ip-address={host.address}", "--num-cpus=1",
        "--object-store-memory=100000000", "--disable-usage-stats", log=f"ray-{host.name}",
    )  # fmt: skip


def _ray(folder: Path, name: str, hosts: list[Host], *more: str) -> tuple[Run, Any]:
    for i, host in enumerate(hosts):
        _join(host, hosts[0], i == 0)
    run = Run(folder, name, 10**6)
    trainer = run.start(
        hosts[0],
        "--engine=ray",
        f"--address={hosts[0].address}:6379",
        "--worker-timeout=120",
        *more,
    )
    until(
        lambda: bool(metrics := read_metrics(run.out)) and metrics[-1]["workers"] == len(hosts),
        lambda: (trainer.poll(), run.told()),
    )
    run.wait(len(read_metrics(run.out)) + 20, trainer)
    return run, trainer


def _rates(run: Run, seconds: float) -> tuple[float, dict[int, int]]:
    """Gradients per second from now on, and how many of each worker."""
    before, began = len(read_metrics(run.out)), time.monotonic()
    time.sleep(seconds)
    metrics = read_metrics(run.out)[before:]
    names = [name[0] for m in metrics for name in m["gradients"]]
    counts = {i: names.count(i) for i in sorted(set(names))}
    return len(names) / (time.monotonic() - began), counts


def _workers(run: Run) -> set[int]:
    """The incarnations of all workers that sent a gradient so far."""
    return {name[0] for m in read_metrics(run.out) for name in m["gradients"]}


def _ray_faults(folder: Path, hosts: list[Host], name: str, *more: str) -> dict[str, Any]:
    """Host 3 slow, then cut off, then back."""
    run, trainer = _ray(folder, name, hosts, *more)
    alike, of_alike = _rates(run, 15)
    with hosts[2].slow():
        slow, of_slow = _rates(run, 20)
    again, of_again = _rates(run, 15)
    hosts[2].cut_off()
    began, metrics = time.monotonic(), len(read_metrics(run.out))
    until(lambda: any("is lost" in t for t in run.told()), lambda: (trainer.poll(), run.told()))
    lost = time.monotonic() - began
    meanwhile = len(read_metrics(run.out)) - metrics
    run.wait(len(read_metrics(run.out)) + 20, trainer)
    hosts[2].cut_off(False)
    hosts[2].kill()  # as where the machine starts anew
    without = read_metrics(run.out)[-1]["workers"]
    known = _workers(run)
    _join(hosts[2], hosts[0], False)
    until(lambda: bool(_workers(run) - known), lambda: (trainer.poll(), run.told()))
    trainer.send_signal(signal.SIGTERM)
    assert trainer.wait(timeout=120) == 128 + signal.SIGTERM
    names = [tuple(n) for m in read_metrics(run.out) for n in m["gradients"]]
    assert len(names) == len(set(names)), "a gradient was counted twice"
    return {
        "gradients_per_second": alike,
        "of_each_worker": of_alike,
        "with_a_host_that_runs_a_fifth_of_the_time": slow,
        "of_each_worker_then": of_slow,
        "and_after_it": again,
        "of_each_worker_after_it": of_again,
        "seconds_until_a_host_cut_off_is_lost": lost,
        "meta_steps_meanwhile": meanwhile,
        "workers_without_it": without,
        "workers_once_it_is_back": read_metrics(run.out)[-1]["workers"],
        "gradients_counted": len(names),
        "counted_twice": 0,
        "told": [t for t in run.told() if "lost" in t],
    }


def ray_on_three_hosts(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """Three workers on three hosts."""
    return _ray_faults(folder, hosts, "ray")


def ray_with_helpers_on_three_hosts(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """The same, two of them with a helper, one with one of its own."""
    return _ray_faults(folder, hosts, "ray-helpers", "--fan-in=2", "--gradients-per-step=4")


TRIALS: dict[str, Callable[[Path, list[Host]], dict[str, Any]]] = {
    f.__name__: f
    for f in (
        mesh_on_two_hosts,
        mesh_host_cut_off,
        mesh_host_slow,
        ray_on_three_hosts,
        ray_with_helpers_on_three_hosts,
    )
}


def main() -> None:
    """Run the named trials, all without a name, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TRIALS, []])
    arguments = parser.parse_args()
    if INSIDE not in os.environ:
        # everything that is made here ends with it
        apart = ["unshare", "-n", "-m", "-u", "-p", "--fork", "--kill-child", "--mount-proc"]
        command = [*apart, sys.executable, "-m", "benchmarks.hosts", *arguments.names]
        raise SystemExit(subprocess.run(command, env={**os.environ, INSIDE: "1"}).returncode)
    sh("mount", "-t", "tmpfs", "tmpfs", "/run")
    sh("mount", "-t", "tmpfs", "tmpfs", "/mnt")
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "bridge0", "type", "bridge")
    sh("ip", "link", "set", "bridge0", "up")
    for name in arguments.names or TRIALS:
        folder = Path("/mnt") / name
        folder.mkdir()
        (folder / "token").write_text(secrets.token_hex(32))
        hosts = [Host(i, folder) for i in (1, 2, 3)]
        load = os.getloadavg()[0]
        try:
            found = TRIALS[name](folder, hosts)
        finally:
            for host in hosts:
                host.close()
        keep(RESULTS, name, f"python -m benchmarks.hosts {name}", load, found)


if __name__ == "__main__":
    main()
