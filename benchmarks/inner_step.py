"""`python -m benchmarks.inner_step`: the encoder's inner step, with the update network evaluated in
blocks that fit in the cache (where arrays are large) and as a whole, in turns on one core.

The file, results/inner-step.json, has milliseconds for each shape: the minimum over rounds, as
other load only adds time. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if hasattr(os, "sched_setaffinity"):  # before JAX counts the cores
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])

import jax
import numpy as np

from benchmarks import machine
from metaplastic import inner_loop as loop
from metaplastic import load_rule
from metaplastic.encoder import inner_loop
from metaplastic.rules.local import blockwise

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "inner-step.json"
SHAPES = {  # sizes and rows of a minibatch
    "20-128-64-32, 256 rows": ((20, 128, 64, 32), 256),
    "20-128-128-32, 256 rows": ((20, 128, 128, 32), 256),
    "784-128-64-32, 256 rows": ((784, 128, 64, 32), 256),
    "1413-128-64-32, 64 rows": ((1413, 128, 64, 32), 64),
    "196-10000-32, 64 rows": ((196, 10_000, 32), 64),
}
WAYS = {"blocks": blockwise.LARGE, "whole": 10**12}  # from how many numbers on there are blocks
STEPS = 5


def seconds_per_step(rule: Any, sizes: tuple[int, ...], rows: int) -> float:
    """Compile for the current `blockwise.LARGE` and time `STEPS` inner steps."""
    jax.clear_caches()
    x = np.random.default_rng(0).standard_normal((rows, sizes[0])).astype(np.float32)
    phi, state = loop.begin(rule, jax.random.key(0), sizes)
    phi, state = inner_loop.inner_step(rule, phi, state, x, 0)
    inner_loop.wait(phi)
    begun = time.perf_counter()
    for t in range(1, STEPS + 1):
        phi, state = inner_loop.inner_step(rule, phi, state, x, t)
    inner_loop.wait(phi)
    return (time.perf_counter() - begun) / STEPS


def main() -> None:
    """Measure all shapes and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rule = load_rule("default")
    load = os.getloadavg()[0]
    results: dict[str, dict[str, float]] = {}
    for name, (sizes, rows) in SHAPES.items():
        seconds = defaultdict(list)
        for _ in range(arguments.rounds):
            for way, blockwise.LARGE in WAYS.items():
                seconds[way].append(seconds_per_step(rule, sizes, rows))
        best = {way: 1e3 * min(times) for way, times in seconds.items()}
        results[name] = {**best, "ratio": best["blocks"] / best["whole"]}
        print(name, results[name], flush=True)
    content = {
        "kind": "inner-step",
        "format": 1,
        "machine": machine.describe([]),
        "date": datetime.now(UTC).date().isoformat(),
        "load_before": load,
        "milliseconds": results,
    }
    arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
