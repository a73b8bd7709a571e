"""Paired comparison of rules on the validation tasks of a run:

    python -m research.validate RUN RULE [RULE ...] [--tasks 8] [--seed 0] [--data-dir DATA]

RUN is the folder of a run or of one stage; each RULE is a rule file or the name of a shipped rule.
All rules get the same tasks, initial networks and minibatches; with `--seed` other than 0, these
differ from the run's own validation. Prints, and writes to `--out` if given, each rule's accuracy
and loss at the end of the inner loop, and the difference from the first rule with its standard
error over tasks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from metaplastic import files, hub
from metaplastic.errors import RunError
from metaplastic.meta.plan import make_plan
from metaplastic.meta.run.run_dir import read_config
from metaplastic.meta.run.trainer import VALIDATION_SEED
from metaplastic.meta.validation import Validator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("rules", nargs="+")
    parser.add_argument("--tasks", type=int, default=8, help="tasks per group")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()

    config = read_config(args.run)
    plan = make_plan(config, portion="meta-validation", data_dir=args.data_dir)
    validator = Validator(
        plan.streams(seed=VALIDATION_SEED + args.seed),
        args.tasks,
        ages=[config.unroll.horizon[1]],
        config=config.unroll,
        objective=config.objective.make(),
    )
    results, first = {}, None
    for name in args.rules:
        (score,) = validator(hub.load_rule(name)).values()
        first = first or score
        entry = {"accuracy_by_group": score.accuracy.reshape(config.groups, -1).mean(1).tolist()}
        for measure in ("accuracy", "loss"):
            values, base = np.asarray(getattr(score, measure)), np.asarray(getattr(first, measure))
            difference = values - base
            entry[measure] = float(values.mean())
            entry[f"{measure}_gain"] = float(difference.mean())
            entry[f"{measure}_gain_error"] = float(difference.std(ddof=1) / len(difference) ** 0.5)
        results[name] = entry
        print(name, json.dumps(entry), flush=True)
    if args.out:
        content = {
            "run": args.run.name,
            "tasks": args.tasks,
            "seed": args.seed,
            "rules": results,
        }
        files.write(args.out, (json.dumps(content, indent=1) + "\n").encode(), RunError)


if __name__ == "__main__":
    main()
