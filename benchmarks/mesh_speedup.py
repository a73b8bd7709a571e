"""`python -m benchmarks.mesh_speedup`: engine `mesh` on two pinned processes, against one.

Each round times the same run (preset `quick`, but with backpropagation through the whole unroll,
and the same tasks) three ways, in a rotating order:

- one: `meta-train --local-processes 1`, on one core;
- mesh: `meta-train --local-processes 2`, one process per core;
- apart: two runs of `one` at the same time, one per core, that share nothing but the machine.

The time of a meta-step is the median over a run. `speedup` = one / mesh; `limit` = 2 one / apart is
what two processes that never wait for each other would gain on this machine, where cores share
caches, memory and power; `efficiency` = speedup / limit is what the engine itself keeps. The file,
results/scaling-mesh.json, holds the median over rounds. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from metaplastic.meta.run.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "scaling-mesh.json"
FIRST = 3  # meta-steps that are not counted
WAYS = ("one", "mesh", "apart")


def start(
    out: Path, processes: int, core: int | None, options: list[str]
) -> subprocess.Popen[bytes]:
    """Start a run, on `core` alone if it is given."""
    command = [
        sys.executable, "-m", "metaplastic", "meta-train", f"--out={out}",
        f"--local-processes={processes}", "--checkpoint-seconds=100000",
        "--set=validation.every=100000", *options,
    ]  # fmt: skip
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    return subprocess.Popen([*pinned, *command], stdout=subprocess.DEVNULL)


def seconds_per_step(out: Path) -> float:
    """Return the median time from one meta-step to the next."""
    times = [m["seconds"] for m in read_metrics(out)][FIRST:-1]
    return statistics.median(b - a for a, b in pairwise(times))


def measure(way: str, options: list[str]) -> float:
    """Return the seconds per meta-step of one way; the mean of both runs if they are two."""
    with tempfile.TemporaryDirectory() as folder:
        cores = sorted(os.sched_getaffinity(0))[:2]
        if way == "apart":
            jobs = [(Path(folder) / str(core), 1, core) for core in cores]
        else:
            jobs = [(Path(folder) / way, 2 if way == "mesh" else 1, None)]
        running = [start(*job, options) for job in jobs]
        if any(process.wait() for process in running):
            raise SystemExit(f"a run of {way!r} failed; its messages are above")
        return statistics.mean(seconds_per_step(out) for out, *_ in jobs)


def main() -> None:
    """Measure the rounds and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="meta-steps of each run")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    options = [
        f"--preset={arguments.preset}",
        f"--meta-steps={arguments.steps}",
        "--set=estimator=full",
        *(f"--set={text}" for text in arguments.set),
    ]
    rounds, load = [], os.getloadavg()[0]
    for number in range(arguments.rounds):
        order = [WAYS[(number + i) % len(WAYS)] for i in range(len(WAYS))]
        seconds = {way: measure(way, options) for way in order}
        rounds.append(
            {
                **seconds,
                "speedup": seconds["one"] / seconds["mesh"],
                "limit": 2 * seconds["one"] / seconds["apart"],
                "efficiency": seconds["apart"] / (2 * seconds["mesh"]),
            }
        )
        print(rounds[-1], flush=True)
    results = {
        "command": " ".join(["python -m benchmarks.mesh_speedup", *sys.argv[1:]]),
        "cores": os.cpu_count(),
        "load_average": load,
        "preset": arguments.preset,
        "settings": arguments.set,
        "rounds": rounds,
        **{
            key: statistics.median(r[key] for r in rounds)
            for key in ("speedup", "limit", "efficiency")
        },
    }
    arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
