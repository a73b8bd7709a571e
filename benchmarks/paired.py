"""`python -m benchmarks.paired CHECKOUT`: this checkout against another one, in paired runs.

Each round runs, in both checkouts and in alternating order, on one pinned core and with an empty
compilation cache:

- small, paper: the meta-gradient of these workloads (`growth`): seconds of a gradient (the best of
  four) and of its compilation;
- encoder: a fit of `PlasticEncoder` on 2,000 x 20 numbers with layers 128-128-32 and minibatches of
  256: seconds of an inner step (the difference of a long and a short fit, both compiled) and of
  the first fit of a process beyond a second one (tracing and compiling).

The file, results/paired.json, holds the median over rounds of this / other, with the lowest and the
highest of the ratios. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "paired.json"
SHORT, LONG = 20, 120  # inner steps

# each checkout makes the workloads from its own definitions, which are equal in substance
_GRADIENTS = """
import json
from metaplastic.threads import one_thread_per_operation
one_thread_per_operation()
from benchmarks.jobs import growth
from benchmarks.workloads import WORKLOADS, to_json
workloads = {name: to_json(workload) for name, workload in WORKLOADS.items()}
print(json.dumps(growth.run({"workloads": workloads})))
"""
_ENCODER = f"""
import json, time
import numpy as np
from metaplastic import PlasticEncoder
x = np.random.default_rng(0).normal(size=(2000, 20)).astype(np.float32)

def seconds(steps):
    encoder = PlasticEncoder(
        hidden_layer_sizes=(128, 128), n_components=32, max_iter=steps, batch_size=256,
        random_state=0,
    )
    began = time.perf_counter()
    encoder.fit(x)
    return time.perf_counter() - began

first = seconds({SHORT})
short = min(seconds({SHORT}) for _ in range(3))
long = min(seconds({LONG}) for _ in range(3))
print(json.dumps({{"first": first - short, "step": (long - short) / {LONG - SHORT}}}))
"""


def _child(checkout: Path, command: list[str]) -> dict[str, Any]:
    """Run a Python command in a checkout; return the JSON of its last line."""
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as cache:
        path = os.pathsep.join(map(str, (checkout / "src", checkout)))
        environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": cache}
        output = subprocess.run(
            ["taskset", "-c", str(core), sys.executable, *command],
            cwd=checkout,
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout
    return json.loads(output.strip().splitlines()[-1])


def _gradients(checkout: Path) -> dict[str, float]:
    rows = _child(checkout, ["-c", _GRADIENTS])
    return {
        f"{name}, {label}": row[key]
        for name, row in rows.items()
        for label, key in (("meta-gradient", "seconds"), ("compilation", "compile_seconds"))
    }


def _encoder(checkout: Path) -> dict[str, float]:
    row = _child(checkout, ["-c", _ENCODER])
    return {"encoder, inner step": row["step"], "encoder, compilation": row["first"]}


def measure(checkouts: dict[str, Path], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of every round, by quantity and checkout."""
    seconds: dict[str, dict[str, list[float]]] = {}
    parts: tuple[Callable[[Path], dict[str, float]], ...] = (_gradients, _encoder)
    for number in range(rounds):
        for part in parts:
            for name in sorted(checkouts, reverse=bool(number % 2)):
                for quantity, value in part(checkouts[name]).items():
                    seconds.setdefault(quantity, {}).setdefault(name, []).append(value)
        print(f"round {number + 1} of {rounds}", flush=True)
    return seconds


def summary(seconds: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Return for each quantity the medians and the median, lowest and highest ratio of a pair."""
    table: dict[str, dict[str, float]] = {}
    for quantity, runs in seconds.items():
        ratios = [this / other for this, other in zip(runs["this"], runs["other"], strict=True)]
        table[quantity] = {
            "this_seconds": statistics.median(runs["this"]),
            "other_seconds": statistics.median(runs["other"]),
            "ratio": statistics.median(ratios),
            "lowest_ratio": min(ratios),
            "highest_ratio": max(ratios),
        }
    return table


def _commit(checkout: Path) -> str:
    command = ["git", "log", "-1", "--format=%h %as"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True).stdout.strip()


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table, and write the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    checkouts = {"this": ROOT, "other": given.checkout.resolve()}
    load = os.getloadavg()[0]
    table = summary(measure(checkouts, given.rounds))
    commits = {name: _commit(path) for name, path in checkouts.items()}
    facts = {"kind": "paired", "format": 1, "machine": machine.describe([])}
    facts |= {"rounds": given.rounds, "load_before": round(load, 2)}
    RESULTS.write_text(json.dumps({**facts, "commits": commits, "rows": table}, indent=1) + "\n")
    for quantity, row in table.items():
        spread = f"{row['lowest_ratio']:.3f} to {row['highest_ratio']:.3f}"
        print(f"{quantity}: {row['ratio']:.3f} ({spread}), {row['this_seconds']:.4f} s")


if __name__ == "__main__":
    main()
