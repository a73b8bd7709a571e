"""`python -m benchmarks.again [FILE ...]`: make the committed results of studies again.

Runs `metaplastic study` once for each results file, or for those given, with the rule and the
settings that the file records, and writes the file and its figure anew. Numbers that do not depend
on a change of the rule are taken over (`benchmarks.refill`), unless `--fresh` is given. Finished
cells persist, so that a run that was interrupted goes on where it stopped. `--dry-run` only prints
the commands. A run that fails is told at the end, after the others.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.refill import refill_all
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.evaluation.results import read_json
from metaplastic.evaluation.studies import STUDIES
from metaplastic.evaluation.studies.study import StudySettings

ROOT = Path(__file__).resolve().parents[1]


def committed(results: Path) -> list[Path]:
    """Return the results files of studies below a folder, without the cells cached there."""
    files = [path for path in results.rglob("*.json") if path.parent.name != "cells"]
    return sorted(path for path in files if _study(path) is not None)


def command(path: Path, data_dir: Path | None = None, *, fresh: bool = False) -> list[str]:
    """Return the arguments of `metaplastic` that make a results file again.

    Raises `KeyError` for a file that holds no study.
    """
    content = read_json(path)
    kind = STUDIES[content["study"]].Settings
    chosen = kind(**content["settings"])
    arguments = ["study", content["study"], "--rule", content["rule"]["name"]]
    arguments += ["--results", str(path.parent)]
    for name, value in _changed(chosen).items():
        text = value if isinstance(value, str) else json.dumps(value)
        arguments += ["--set", f"{name}={text}"]
    arguments += ["--data-dir", str(data_dir)] if data_dir is not None else []
    return [*arguments, "--fresh"] if fresh else arguments


def _changed(settings: StudySettings) -> dict[str, Any]:
    """Return the settings that are not at their defaults, as JSON values."""
    values = settings.model_dump(mode="json", exclude_defaults=True)
    return {name: value for name, value in values.items() if value is not None}


def _study(path: Path) -> str | None:
    content = json.loads(path.read_text())
    name = content.get("study") if isinstance(content, dict) else None
    return name if name in STUDIES else None


def main(given: Sequence[str] | None = None) -> int:
    """Make the files again, and return 1 if any could not be made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="default: every study in results/")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--fresh", action="store_true", help="measure every number again")
    parser.add_argument("--dry-run", action="store_true", help="only print the commands")
    args = parser.parse_args(given)
    files = args.files or committed(ROOT / "results")
    if unknown := [str(path) for path in files if not path.is_file() or _study(path) is None]:
        parser.error(f"no results of a study: {', '.join(unknown)}")
    commands = [command(path, args.data_dir, fresh=args.fresh) for path in files]
    if not (args.dry_run or args.fresh):
        for folder in dict.fromkeys(path.parent for path in files):
            (folder / "cells").mkdir(exist_ok=True)
            refill_all(named_rule("default"), folder, args.data_dir)
    failed = []
    for path, arguments in zip(files, commands, strict=True):
        print(shlex.join(["metaplastic", *arguments]), flush=True)
        if args.dry_run:
            continue
        done = subprocess.run([sys.executable, "-m", "metaplastic", *arguments], check=False)
        if done.returncode == 130:  # interrupted
            return 130
        failed += [str(path)] if done.returncode else []
    if failed:
        print(f"not made: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
