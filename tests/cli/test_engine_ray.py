"""`--engine ray` as a user runs it: real processes, one of them killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from .engine_runs import (
    ENVIRONMENT,
    command_line,
    metrics_of,
    started,
    wait_for,
)


def test_without_ray_the_extra_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "ray"
    blocked.mkdir()
    (blocked / "__init__.py").write_text("raise ImportError('not here')")
    done = subprocess.run(
        command_line(tmp_path / "run", "--engine=ray"),
        capture_output=True,
        text=True,
        check=False,
        env={**ENVIRONMENT, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 2
    assert "pip install 'metaplastic[ray]'" in done.stderr


def _ray_processes(root: int) -> set[int]:
    """All processes that descend from `root`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    matches, queue = set(), [root]
    while queue:
        new = children.get(queue.pop(), [])
        matches.update(new)
        queue += new
    return matches


def _workers(root: int) -> list[int]:
    matches = []
    for pid in _ray_processes(root):
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::Worker"):
                matches.append(pid)
        except OSError:
            continue
    return sorted(matches)


def _outward_sockets(pids: set[int]) -> list[str]:
    """Addresses, as the kernel writes them, other than loopback that `pids` listen on."""
    inodes = set()
    for pid in pids:
        try:
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                inodes.add(str(entry.readlink()).partition("socket:[")[2].rstrip("]"))
        except OSError:
            continue
    matches = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            address = fields[1].rpartition(":")[0]
            loopback = address.endswith("0100007F") or address == "0" * 24 + "01000000"
            if fields[3] == "0A" and fields[9] in inodes and not loopback:
                matches.append(fields[1])
    return matches


@pytest.mark.skipif(
    "METAPLASTIC_TEST_FAULTS" not in os.environ,
    reason="starts and kills a real Ray for minutes; METAPLASTIC_TEST_FAULTS=1 runs it",
)
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="looks into /proc")
def test_ray_bears_the_death_of_a_worker_and_of_the_trainer(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'metaplastic[ray]'")
    out, ray = tmp_path / "ray", ["--engine=ray", "--workers=2"]
    long = "--meta-steps=100000"
    trainer = started(out, *ray, long)
    wait_for(3, out, trainer)
    assert _outward_sockets(_ray_processes(trainer.pid) | {trainer.pid}) == []
    first = _workers(trainer.pid)
    assert len(first) == 2
    os.kill(first[0], signal.SIGKILL)
    deadline = time.monotonic() + 120
    while not any(m["lost_workers"] for m in metrics_of(out)) and time.monotonic() < deadline:
        time.sleep(0.1)
    wait_for(len(metrics_of(out)) + 5, out, trainer)
    begun = _ray_processes(trainer.pid)
    trainer.kill()
    _, stderr = trainer.communicate(timeout=60)
    assert "is lost" in stderr
    assert "it is replaced" in stderr
    deadline = time.monotonic() + 240  # the last of Ray to notice are its agents
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}/fd/0").exists() for pid in begun):
        time.sleep(0.1)
    assert not [pid for pid in begun if Path(f"/proc/{pid}/fd/0").exists()]

    again = started(out, *ray, long, "--resume")
    steps = len(metrics_of(out))
    wait_for(steps + 3, out, again)
    again.send_signal(signal.SIGTERM)
    _, stderr = again.communicate(timeout=120)
    assert again.returncode == 128 + signal.SIGTERM
    assert "resumed at meta-step" in stderr
    metrics = metrics_of(out)
    assert [m["meta_step"] for m in metrics] == list(range(1, len(metrics) + 1))
    assert sum(m["lost_workers"] for m in metrics) == 1
    names = [tuple(name) for m in metrics for name in m["gradients"]]
    assert len(names) == len(set(names))
    assert all(np.isfinite(m["loss"]) for m in metrics)
