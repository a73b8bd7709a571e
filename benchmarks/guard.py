"""A guard against regressions: compares ratios with those of the committed results.

python -m benchmarks.guard [FILE.json] [--against FILE.json]

Seconds vary between machines and days; the speed-up over a baseline in the same run, and the
fraction of the machine's matrix-product rate, vary much less. Exits with status 1
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
    """Return all ratios of a results file; higher is better."""
    by_name: dict[str, float] = {}
    for name, contest in results.get("contest", {}).items():
        for placement, measured in contest["placements"].items():
            if "failed" in measured:
                continue
            ours = measured["contenders"][OURS]
            for word in ("PyTorch", "plain JAX"):
                if baseline := fastest(measured, word):
                    by_name[f"{name}, {placement}: times faster than {word}"] = (
                        baseline[1]["ms_per_task_step"] / ours["ms_per_task_step"]
                    )
            if "limit" in measured:
                by_name[f"{name}, {placement}: fraction of the matrix product"] = (
                    measured["limit"]["products"]["seconds"] / ours["seconds"]
                )
    return by_name


def fallen(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Return a line for each ratio of both files that fell by more than `MOST_LOST`, for each
    placement that gave numbers before and failed now, and for each baseline whose gradient no
    longer agrees."""
    new, previous = ratios(now), _placements(before)
    failed = [
        f"{name}, {placement}: {reason}, where there was a result before"
        for (name, placement), reason in _placements(now).items()
        if reason is not None and previous.get((name, placement), reason) is None
    ]
    agreed = _baselines(before, "contenders") - _baselines(before, "disagreeing")
    differ = [
        f"{name}, {placement}: the gradient of {baseline} differs from ours, where it agreed before"
        for name, placement, baseline in sorted(agreed & _baselines(now, "disagreeing"))
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
    """Return (workload, placement, name) of all of a `kind`: contenders or disagreeing."""
    return {
        (name, placement, baseline)
        for name, contest in results.get("contest", {}).items()
        for placement, measured in contest["placements"].items()
        for baseline in measured.get(kind, ())
    }


def _placements(results: dict[str, Any]) -> dict[tuple[str, str], str | None]:
    """Return why each workload and placement failed; None if it did not."""
    return {
        (name, placement): measured.get("failed")
        for name, contest in results.get("contest", {}).items()
        for placement, measured in contest["placements"].items()
    }


def committed(path: Path) -> dict[str, Any] | None:
    """Return the results of that name as last committed; None if there are none."""
    name = path.resolve().relative_to(ROOT).as_posix()
    shown = subprocess.run(
        ["git", "show", f"HEAD:{name}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return json.loads(shown.stdout) if shown.returncode == 0 else None


def check(path: Path, against: Path | None = None) -> int:
    """Compare, print the differences and return the exit status."""
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
    parser.add_argument(
        "results", type=Path, nargs="*", help="results files; default: all of results/bench-*.json"
    )
    parser.add_argument(
        "--against", type=Path, help="file to compare with instead of the last commit"
    )
    arguments = parser.parse_args()
    paths = arguments.results or sorted((ROOT / "results").glob("bench-*.json"))
    sys.exit(max((check(path, arguments.against) for path in paths), default=0))


if __name__ == "__main__":
    main()
