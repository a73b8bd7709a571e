"""`python -m research.short_runs GROUP`: short runs of meta-training that differ in one respect.

Every run uses `recipes/short.toml`, takes one to four hours of one core (with 100 meta-steps, seven
to twelve minutes), and has its own directory:

- `seeds`: three meta-seeds;
- `parts`: the whole rule, the rule without each of its parts, and with a constant step;
- `distances`: cosine distance and squared error in the meta-objective, three meta-seeds each;
- `senses`: the whole rule, with the sense of neighbours, and with a wider update network;
- `minibatches`: minibatches of examples with their nearest ones, without the sense of neighbours
  and with it;
- `terms`: presynaptic whitening, and a term that keeps apart what leading directions merge, the
  latter from two meta-seeds;
- `estimators`: other estimates of the meta-gradient and a slower average of θ, three meta-seeds
  each.

Finished runs are skipped, interrupted runs resumed. The metrics of the runs are summarised in
`OUT/GROUP.json`: dropped tasks, gradient norms, final losses, validation against seconds, and the
command of study `learned` that measures the rules on held-out data. `--meta-steps` shortens every
run, for a comparison within one OUT, and `--validate-every` changes how often they are validated;
`python -m research.curves OUT/GROUP.json` draws what the summary holds. `--dry-run` only prints the
commands.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from metaplastic import files
from metaplastic.errors import DataError
from metaplastic.evaluation.results import write_json
from metaplastic.meta.run.metrics import read_metrics

RECIPE = Path(__file__).parent / "recipes" / "short.toml"
META_SEEDS = (1, 2, 3)
PARTS = ("error", "lateral", "decorrelation", "subspace", "statistics", "weights")
IN_CURVE = ("meta_step", "seconds", "validation_loss", "validation_accuracy")
LAST = 50  # meta-steps that the final loss is averaged over


class ShortRun(NamedTuple):
    """A run; runs of the same `name` differ only in their seed."""

    name: str
    seed: int
    changes: tuple[str, ...] = ()
    lengthened: int = 1  # factor of its number of meta-steps, where they are cheaper

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.seed}"


def runs_of(group: str) -> list[ShortRun]:
    """Return the runs of a group. `parts` uses the first meta-seed alone."""
    if group == "seeds":
        return [ShortRun("whole", seed) for seed in META_SEEDS]
    if group == "parts":
        without = [
            ShortRun(f"without-{part}", META_SEEDS[0], (f'rule.settings.without=["{part}"]',))
            for part in PARTS
        ]
        constant = ("rule.settings.decay_power=0.0", "rule.settings.inner_step=0.04")
        whole = ShortRun("whole", META_SEEDS[0])
        return [whole, *without, ShortRun("constant-step", META_SEEDS[0], constant)]
    if group == "senses":
        neighbours = ('rule.settings.extra=["neighbours"]',)
        return [
            ShortRun("whole", META_SEEDS[0]),
            ShortRun("neighbours", META_SEEDS[0], neighbours),
            ShortRun("wider", META_SEEDS[0], ("rule.settings.hidden=32",)),
        ]
    if group == "minibatches":
        near = "unroll.neighbours=7"
        return [
            ShortRun("near", META_SEEDS[0], (near,)),
            ShortRun("near-sensed", META_SEEDS[0], (near, 'rule.settings.extra=["neighbours"]')),
        ]
    if group == "terms":
        return [
            ShortRun(name, seed, (f'rule.settings.extra=["{term}"]',))
            for name, term, seeds in (
                ("whitened", "whitened_low_rank", META_SEEDS[:1]),
                ("flattening", "flattening", META_SEEDS[:2]),
            )
            for seed in seeds
        ]
    if group == "estimators":
        return [
            ShortRun(name, seed, changes, LENGTHENED.get(name, 1))
            for name, changes in ESTIMATES.items()
            for seed in META_SEEDS
        ]
    return [
        ShortRun(
            distance, seed, ("objective.name=ridge", f"objective.settings.distance={distance}")
        )
        for distance in ("cosine", "squared")
        for seed in META_SEEDS
    ]


GROUPS = ("seeds", "parts", "distances", "senses", "minibatches", "terms", "estimators")
# `late` has twice the tasks and differentiates the last 16 steps; two pairs of particles take as
# many forward unrolls as backpropagation takes, its recomputed steps included
ESTIMATES = {
    "whole": (),
    "late": ("estimator=late", "unroll.truncation=[16,16]", "tasks_per_group=4"),
    "es": ("estimator.name=es", "estimator.settings.pairs=2"),
    "pes": ("estimator.name=pes", "estimator.settings.pairs=4"),
    "averaged": ("optimizer.average=0.98",),
}
LENGTHENED = {"pes": 4}  # a meta-step of `pes` is a truncation, not a whole unroll


def command(
    run: ShortRun,
    out: Path,
    data_dir: Path | None,
    meta_steps: int | None = None,
    validate_every: int | None = None,
) -> list[str]:
    """Return the command that starts the run or resumes it."""
    folder = out / run.folder
    start = [sys.executable, "-m", "metaplastic", "meta-train", f"--out={folder}"]
    data = [f"--data-dir={data_dir}"] if data_dir else []
    if (folder / "config.json").is_file():
        return [*start, "--resume", *data]
    changes = [f"--set={change}" for change in run.changes]
    if meta_steps is not None or run.lengthened > 1:
        steps = meta_steps or tomllib.loads(RECIPE.read_text())["optimizer"]["meta_steps"]
        changes.append(f"--meta-steps={steps * run.lengthened}")
    if validate_every is not None:
        changes.append(f"--set=validation.every={validate_every * run.lengthened}")
    return [*start, f"--config={os.path.relpath(RECIPE)}", f"--seed={run.seed}", *changes, *data]


def is_finished(folder: Path) -> bool:
    """Return whether a run has made its last meta-step; no checkpoint is needed to tell."""
    if not (folder / "rule.safetensors").is_file():
        return False
    config = files.read_json(folder / "config.json", DataError)
    lines = read_metrics(folder)
    return bool(lines) and lines[-1]["meta_step"] >= config["optimizer"]["meta_steps"]


def summary(group: str, out: Path) -> dict[str, Any]:
    """Summarise the metrics of a group's runs; runs without metrics are listed as missing."""
    runs: dict[str, Any] = {}
    missing = []
    for run in runs_of(group):
        lines = read_metrics(out / run.folder)
        if not lines:
            missing.append(run.folder)
            continue
        runs.setdefault(run.name, {})[str(run.seed)] = _summarise(lines)
    return {
        "kind": "short-runs",
        "group": group,
        "recipe": RECIPE.name,
        "missing": missing,
        "runs": runs,
        "study": shlex.join(study(group, out)),
    }


def _summarise(lines: list[dict[str, Any]]) -> dict[str, Any]:
    norms = np.array([line["task_gradient_norm"] for line in lines], float)
    losses = np.array([line["loss"] for line in lines], float)
    validated = [line for line in lines if "validation_accuracy" in line]
    return {
        "meta_steps": lines[-1]["meta_step"],
        "seconds": lines[-1]["seconds"],
        "tasks": sum(line["truncations"] for line in lines),
        "dropped": sum(line["dropped"] for line in lines),
        "gradient_norm_median": float(np.nanmedian(norms)),
        "gradient_norm_95": float(np.nanpercentile(norms, 95)),
        "final_loss": float(np.nanmean(losses[-LAST:])),
        "validation_accuracy": validated[-1]["validation_accuracy"] if validated else {},
        "validation_loss": validated[-1]["validation_loss"] if validated else {},
        "curve": [{name: line[name] for name in IN_CURVE} for line in validated],
    }


def study(group: str, out: Path) -> list[str]:
    """Return the command that measures the group's rules on held-out data, by meta-seed."""
    rules = ",".join(f"{run.name}={out / run.folder}" for run in runs_of(group))
    return ["metaplastic", "study", "learned", "--set", f"rules={rules}"]


def main() -> None:
    """Make the runs one after another, and write a summary of their metrics."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--out", type=Path, default=Path("runs/short"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--meta-steps", type=int, help="of every run; by default the recipe's")
    parser.add_argument("--validate-every", type=int, help="meta-steps; by default the recipe's")
    parser.add_argument("--dry-run", action="store_true", help="only print the commands")
    args = parser.parse_args()
    for run in runs_of(args.group):
        if is_finished(args.out / run.folder):
            print(f"{run.folder}: finished before", flush=True)
            continue
        line = command(run, args.out, args.data_dir, args.meta_steps, args.validate_every)
        print(shlex.join(line), flush=True)
        if not args.dry_run:
            subprocess.run(line, check=True)
    if args.dry_run:
        print(shlex.join(study(args.group, args.out)))
    else:
        print(write_json(args.out / f"{args.group}.json", summary(args.group, args.out)))


if __name__ == "__main__":
    main()
