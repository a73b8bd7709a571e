"""`python -m benchmarks.mesh_speedup`: engine `mesh` on two pinned processes against one.

Makes the same run (preset `quick`, the same total of tasks) with `meta-train --local-processes 1`
and `2` in turn. Seconds per meta-step are the median over the run, the ratio is the median over
pairs. Writes results/scaling-mesh.json. Nothing else should run on the machine meanwhile.
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
FIRST = 5  # meta-steps of warm-up that are not counted


def seconds_of_a_step(folder: Path, processes: int, steps: int, options: list[str]) -> float:
    """Return the median time between meta-steps in a new run."""
    out = folder / f"{processes}"
    command = [
        sys.executable, "-m", "metaplastic", "meta-train", f"--out={out}",
        f"--local-processes={processes}", f"--meta-steps={steps}", "--checkpoint-seconds=100000",
        "--set=validation.every=100000", *options,
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    times = [m["seconds"] for m in read_metrics(out)][FIRST:-1]
    return statistics.median(b - a for a, b in pairwise(times))


def main() -> None:
    """Run the pairs and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    options = [f"--preset={arguments.preset}", *(f"--set={text}" for text in arguments.set)]
    pairs, load = [], os.getloadavg()[0]
    for number in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as folder:
            order = (1, 2) if number % 2 == 0 else (2, 1)
            seconds = {
                n: seconds_of_a_step(Path(folder), n, arguments.steps, options) for n in order
            }
        pairs.append({"one": seconds[1], "two": seconds[2], "ratio": seconds[1] / seconds[2]})
        print(pairs[-1], flush=True)
    results = {
        "command": " ".join(["python -m benchmarks.mesh_speedup", *sys.argv[1:]]),
        "cores": os.cpu_count(),
        "load_average": load,
        "preset": arguments.preset,
        "settings": arguments.set,
        "pairs": pairs,
        "ratio": statistics.median(pair["ratio"] for pair in pairs),
    }
    arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
