"""`python -m benchmarks.hosts [NAME ...]`: engines `mesh` and `ray` on several emulated hosts.

Hosts are network namespaces of this machine, each with its own address on a bridge and its own /tmp
and /dev/shm. A host is cut off (its link goes down, so that no connection is closed) or slow (its
link carries 1 Mbit/s, or its processes run a fifth of the time). Needs Linux, root, `iproute2` and
`util-linux`. Writes results/scaling-hosts.json; fails if a promise of docs/scaling.md is broken.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.hosts_mesh import mesh_host_cut_off, mesh_host_slow, mesh_on_two_hosts
from benchmarks.hosts_ray import ray_on_three_hosts, ray_with_helpers_on_three_hosts
from benchmarks.namespaces import Host, sh
from benchmarks.trial_results import save_trial

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "scaling-hosts.json"
INSIDE = "METAPLASTIC_INSIDE_NAMESPACES"

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
