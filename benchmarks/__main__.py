"""`make bench`: how fast a meta-gradient is, beside its baselines and the machine's limits.

python -m benchmarks [--quick] [--only STAGE,...] [--out FILE.json]

Writes results/bench-MACHINE.json and the tables of docs/performance.md, then compares ratios with
the committed results (benchmarks/guard.py) and ends with status 1 where one fell. An accelerator is
taken where JAX finds one. About five minutes on two cores; what is compiled by PyTorch is cached by
PyTorch, so that a second run is shorter. Nothing else should run meanwhile.
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
    parser.add_argument("--quick", action="store_true", help="less time for each, for a try")
    parser.add_argument("--only", help=f"some stages of {', '.join(STAGES)}; the rest as they were")
    parser.add_argument("--out", type=Path, help="write the results here, and no table")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else list(STAGES)
    if unknown := set(wanted) - set(STAGES):
        parser.error(f"unknown stage {sorted(unknown)}; known: {', '.join(STAGES)}")

    began = time.perf_counter()
    bench = Bench(quick=arguments.quick)
    path = arguments.out or bench.path
    results = json.loads(path.read_text()) if arguments.only and path.exists() else {}
    for name in wanted:
        print(f"== {name}", flush=True)
        start = time.perf_counter()
        results |= STAGES[name](bench)
        print(f"   {time.perf_counter() - start:.0f} s", flush=True)
    results |= bench.header(time.perf_counter() - began)
    path.write_text(json.dumps(report.rounded(results), indent=1) + "\n")
    print(f"wrote {path.name}")
    if arguments.out is None:
        report.write()
    print(report.tables(results))
    sys.exit(guard.check(path))


if __name__ == "__main__":
    main()
