"""Trials of engine `ray` on several emulated hosts; run by `benchmarks.hosts`."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.host_runs import Run, wait_until
from benchmarks.namespaces import Host
from metaplastic.meta.run.metrics import read_metrics


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
