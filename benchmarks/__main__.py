"""`make bench`: the speed of a meta-gradient, compared with baselines and the machine's limits.

python -m benchmarks [--quick] [--only STAGE,...] [--out FILE.json]

Writes results/bench-MACHINE.json and the tables of docs/performance.md, then compares ratios with
the committed results (benchmarks/guard.py) and exits with status 1 if one fell. Uses an accelerator
if JAX finds one. Takes about five minutes on two cores; a second run is shorter, as PyTorch caches
what it compiled. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks import guard, report
from benchmarks.stages import STAGES, Bench


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="shorter measurements, for a quick test"
    )
    parser.add_argument(
        "--only", help=f"run only these stages of {', '.join(STAGES)}; keep the other results"
    )
    parser.add_argument("--out", type=Path, help="write the results to this file, and no tables")
    arguments = parser.parse_args()
    stages = arguments.only.split(",") if arguments.only else list(STAGES)
    if unknown := set(stages) - set(STAGES):
        parser.error(f"unknown stages {sorted(unknown)}; known: {', '.join(STAGES)}")

    began = time.perf_counter()
    bench = Bench(quick=arguments.quick)
    path = arguments.out or bench.path
    results = json.loads(path.read_text()) if arguments.only and path.exists() else {}
    for name in stages:
        print(f"== {name}", flush=True)
        start = time.perf_counter()
        results |= STAGES[name](bench)
        print(f"   {time.perf_counter() - start:.0f} s", flush=True)
        results |= bench.header(time.perf_counter() - began)
        # after each stage, as an accelerator may be taken back before the last one
        path.write_text(json.dumps(report.rounded(results), indent=1) + "\n")
    print(f"wrote {path.name}")
    if arguments.out is None:
        report.write()
    print(report.tables(results))
    sys.exit(guard.check(path))


if __name__ == "__main__":
    main()
