"""`python -m benchmarks.hosts [NAME ...]`: engines `mesh` and `ray` on several emulated hosts.

Hosts are network namespaces of this machine, each with its own address on a bridge and its own /tmp
and /dev/shm. A host is cut off (its link goes down, so that no connection is closed) or slow (its
link carries 1 Mbit/s, or its processes run a fifth of the time). Needs Linux, root, `iproute2` and
`util-linux`. Writes results/scaling-hosts.json; fails if a promise of docs/scaling.md is broken.
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
from benchmarks.namespaces import Host, sh
from benchmarks.trial_results import save_trial
from metaplastic.meta.run.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "scaling-hosts.json"
INSIDE = "METAPLASTIC_INSIDE_NAMESPACES"
PORT = 4321
LOST = "metaplastic: another process of this mesh was lost"


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


def _join(host: Host, head: Host, first: bool) -> None:
    ray = str(Path(sys.executable).parent / "ray")
    if first:
        address_options = ["--head", "--port=6379", "--include-dashboard=false"]
    else:
        address_options = [f"--address={head.address}:6379"]
    host.run(
        ray, "start", *address_options, f"--node-ip-address={host.address}", "--num-cpus=1",
        "--object-store-memory=100000000", "--disable-usage-stats", log=f"ray-{host.name}",
    )  # fmt: skip


def _ray(folder: Path, name: str, hosts: list[Host], *options: str) -> tuple[Run, Any]:
    for i, host in enumerate(hosts):
        _join(host, hosts[0], i == 0)
    run = Run(folder, name, 10**6)
    trainer = run.start(
        hosts[0],
        "--engine=ray",
        f"--address={hosts[0].address}:6379",
        "--worker-timeout=120",
        *options,
    )
    wait_until(
        lambda: bool(metrics := read_metrics(run.out)) and metrics[-1]["workers"] == len(hosts),
        lambda: (trainer.poll(), run.lines()),
    )
    run.wait(len(read_metrics(run.out)) + 20, trainer)
    return run, trainer


def _rates(run: Run, seconds: float) -> tuple[float, dict[int, int]]:
    """Measure gradients per second over the next seconds, and count those of each worker."""
    before, began = len(read_metrics(run.out)), time.monotonic()
    time.sleep(seconds)
    metrics = read_metrics(run.out)[before:]
    names = [name[0] for m in metrics for name in m["gradients"]]
    counts = {i: names.count(i) for i in sorted(set(names))}
    return len(names) / (time.monotonic() - began), counts


def _workers(run: Run) -> set[int]:
    """Return the incarnations of all workers that have sent a gradient."""
    return {name[0] for m in read_metrics(run.out) for name in m["gradients"]}


def _ray_faults(folder: Path, hosts: list[Host], name: str, *options: str) -> dict[str, Any]:
    """Slow host 3 down, cut it off, then bring it back."""
    run, trainer = _ray(folder, name, hosts, *options)
    normal, of_normal = _rates(run, 15)
    with hosts[2].slow():
        slow, of_slow = _rates(run, 20)
    again, of_again = _rates(run, 15)
    hosts[2].cut_off()
    began, metrics = time.monotonic(), len(read_metrics(run.out))
    wait_until(
        lambda: any("is lost" in t for t in run.lines()), lambda: (trainer.poll(), run.lines())
    )
    lost = time.monotonic() - began
    meanwhile = len(read_metrics(run.out)) - metrics
    run.wait(len(read_metrics(run.out)) + 20, trainer)
    hosts[2].cut_off(False)
    hosts[2].kill()  # as if the machine restarted
    without = read_metrics(run.out)[-1]["workers"]
    before = _workers(run)
    _join(hosts[2], hosts[0], False)
    wait_until(lambda: bool(_workers(run) - before), lambda: (trainer.poll(), run.lines()))
    trainer.send_signal(signal.SIGTERM)
    assert trainer.wait(timeout=120) == 128 + signal.SIGTERM
    names = [tuple(n) for m in read_metrics(run.out) for n in m["gradients"]]
    assert len(names) == len(set(names)), "a gradient was counted twice"
    return {
        "gradients_per_second": normal,
        "of_each_worker": of_normal,
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
        "told": [t for t in run.lines() if "lost" in t],
    }


def ray_on_three_hosts(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """Run three workers on three hosts."""
    return _ray_faults(folder, hosts, "ray")


def ray_with_helpers_on_three_hosts(folder: Path, hosts: list[Host]) -> dict[str, Any]:
    """Run three workers on three hosts; two share a helper, the third has its own."""
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
    """Run the named trials, or all of them, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TRIALS, []])
    arguments = parser.parse_args()
    if INSIDE not in os.environ:
        # everything created here ends with the namespaces
        unshare = ["unshare", "-n", "-m", "-u", "-p", "--fork", "--kill-child", "--mount-proc"]
        command = [*unshare, sys.executable, "-m", "benchmarks.hosts", *arguments.names]
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
            results = TRIALS[name](folder, hosts)
        finally:
            for host in hosts:
                host.close()
        save_trial(RESULTS, name, f"python -m benchmarks.hosts {name}", load, results)


if __name__ == "__main__":
    main()
