"""A guard against regressions: ratios now against those of the committed results.

python -m benchmarks.guard [FILE.json] [--against FILE.json]

Seconds differ from machine to machine and from day to day; how many times faster than a baseline in
the same run, and what fraction of the machine's matrix product, much less so. Ends with status 1
and a line for each ratio that fell by more than 25 %, whose measurement failed, or whose baseline's
gradient no longer agrees.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT
from benchmarks.report import OURS, fastest

MOST_LOST = 0.25


def ratios(results: dict[str, Any]) -> dict[str, float]:
    """All ratios of a results file, more being better."""
    found: dict[str, float] = {}
    for name, contest in results.get("contest", {}).items():
        for place, measured in contest["placements"].items():
            if "failed" in measured:
                continue
            ours = measured["contenders"][OURS]
            for word in ("PyTorch", "plain JAX"):
                if baseline := fastest(measured, word):
                    found[f"{name}, {place}: times faster than {word}"] = (
                        baseline[1]["ms_per_task_step"] / ours["ms_per_task_step"]
                    )
            if "limit" in measured:
                found[f"{name}, {place}: fraction of the matrix product"] = (
                    measured["limit"]["products"]["seconds"] / ours["seconds"]
                )
    return found


def fallen(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Return a line for each ratio of both files that fell by more than `MOST_LOST`, for each
    placement that gave numbers before and failed now, and for each baseline whose gradient no
    longer agrees."""
    new, earlier = ratios(now), _placements(before)
    failed = [
        f"{name}, {place}: {why}, where there was a result before"
        for (name, place), why in _placements(now).items()
        if why is not None and earlier.get((name, place), why) is None
    ]
    agreed = _baselines(before, "contenders") - _baselines(before, "disagreeing")
    differ = [
        f"{name}, {place}: the gradient of {baseline} differs from ours, where it agreed before"
        for name, place, baseline in sorted(agreed & _baselines(now, "disagreeing"))
    ]
    return [
        *failed,
        *differ,
        *(
            f"{name} fell from {old:.2f} to {new[name]:.2f}, by more than {MOST_LOST:.0%}"
            for name, old in ratios(before).items()
            if name in new and new[name] < (1 - MOST_LOST) * old
        ),
    ]


def _baselines(results: dict[str, Any], kind: str) -> set[tuple[str, str, str]]:
    """Workload, placement and name of all `kind`: contenders, or those disagreeing."""
    return {
        (name, place, baseline)
        for name, contest in results.get("contest", {}).items()
        for place, measured in contest["placements"].items()
        for baseline in measured.get(kind, ())
    }


def _placements(results: dict[str, Any]) -> dict[tuple[str, str], str | None]:
    """Why each workload and placement failed; None where it did not."""
    return {
        (name, place): measured.get("failed")
        for name, contest in results.get("contest", {}).items()
        for place, measured in contest["placements"].items()
    }


def committed(path: Path) -> dict[str, Any] | None:
    """The results of that name as last committed; None where there are none."""
    name = path.resolve().relative_to(ROOT).as_posix()
    shown = subprocess.run(
        ["git", "show", f"HEAD:{name}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return json.loads(shown.stdout) if shown.returncode == 0 else None


def check(path: Path, against: Path | None = None) -> int:
    """Compare and tell; the exit status."""
    try:
        before = json.loads(against.read_text()) if against else committed(path)
    except (OSError, ValueError):  # no git, or a file outside the project
        before = None
    if before is None:
        print(f"guard: no committed results named {path.name}; nothing to compare with")
        return 0
    now = json.loads(path.read_text())
    lines = fallen(now, before)
    for line in lines:
        print(f"guard: {line}", file=sys.stderr)
    if not lines:
        print(f"guard: {len(ratios(now))} ratios, none fell by more than {MOST_LOST:.0%}")
    return 1 if lines else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, nargs="*", help="all of results/bench-*.json if none")
    parser.add_argument("--against", type=Path, help="a file to compare with, not the last commit")
    arguments = parser.parse_args()
    paths = arguments.results or sorted((ROOT / "results").glob("bench-*.json"))
    sys.exit(max((check(path, arguments.against) for path in paths), default=0))


if __name__ == "__main__":
    main()
