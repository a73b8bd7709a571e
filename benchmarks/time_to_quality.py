"""`python -m benchmarks.time_to_quality NAME --set SETTING …`: time until a run is good enough.

Runs preset `quick` on glyphs alone, with the given changes, from three meta-seeds, one after
another on one core, and notes the validation loss against core-minutes, compilation and validation
included. The target is the median final loss of the variant `whole-unroll`, the preset as it was
when the figure was defined (backpropagation through the whole unroll, at a quarter of the learning
rate); unless the file has it, it must be run first, with its changes. A variant's figure is the
median over meta-seeds of the time at which its loss, interpolated between validations, first falls
to the target; a run that never gets there counts as infinite.

Variants accumulate in results/time-to-quality.json; runs are kept in --runs and resumed. Validation
tasks are those of the preset, drawn from the sources of meta-training. Nothing else should run
meanwhile.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from metaplastic.meta.run.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "time-to-quality.json"
META_SEEDS = (1, 2, 3)
EVERY = 15  # meta-steps between validations
REFERENCE = "whole-unroll"

Curve = list[tuple[float, float]]  # core-minutes and validation loss


def run(folder: Path, seed: int, changes: list[str], data_dir: Path | None) -> Curve:
    """Make or resume a run; return its curve."""
    command = [sys.executable, "-m", "metaplastic", "meta-train", f"--out={folder}"]
    if (folder / "config.json").is_file():
        command += ["--resume"]
    else:
        command += ["--preset=quick", f"--seed={seed}", f"--set=validation.every={EVERY}"]
        command += ['--set=tasks.sources=["glyphs"]']
        command += [f"--set={change}" for change in changes]
    command += [f"--data-dir={data_dir}"] if data_dir else []
    subprocess.run(command, check=True)
    return curve(read_metrics(folder))


def curve(lines: list[dict[str, Any]]) -> Curve:
    """Return the validation loss after the most inner steps against core-minutes."""
    validated = [line for line in lines if "validation_loss" in line]
    return [
        (line["seconds"] / 60.0, line["validation_loss"][max(line["validation_loss"], key=int)])
        for line in validated
    ]


def time_to(target: float, points: Curve) -> float:
    """Return the time at which the loss first falls to the target, infinite if it never does."""
    if points and points[0][1] <= target:
        return points[0][0]
    for (before, high), (after, low) in pairwise(points):
        if low <= target < high:
            return before + (after - before) * (high - target) / (high - low)
    return math.inf


def main() -> None:
    """Run one variant and add it to the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", help="of the variant, under which it is kept")
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "quality")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    variants = json.loads(given.out.read_text())["variants"] if given.out.is_file() else {}
    if given.name != REFERENCE and REFERENCE not in variants:
        parser.error(f"run {REFERENCE!r} first: its final loss is the target")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    curves = {
        str(seed): run(given.runs / f"{given.name}-{seed}", seed, given.set, given.data_dir)
        for seed in META_SEEDS
    }
    variants[given.name] = {"changes": given.set, "curves": curves}
    target = statistics.median(points[-1][1] for points in variants[REFERENCE]["curves"].values())
    for variant in variants.values():
        times = [time_to(target, points) for points in variant["curves"].values()]
        median = statistics.median(times)
        variant["core_minutes"] = median if math.isfinite(median) else None
        print(variant["changes"], variant["core_minutes"])
    content = {"kind": "time-to-quality", "format": 1, "target": target, "variants": variants}
    given.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
