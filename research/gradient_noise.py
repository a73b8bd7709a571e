"""`python -m research.gradient_noise CONFIG`: how much of the meta-gradient is signal.

Tasks of a run's own stream give a gradient each, at the rule that the run begins from. The share of
their mean square norm that they have in common, without bias, is what a meta-step can follow; one
over it is how many tasks it takes until signal and noise are level. `--ways` lays settings on the
configuration, one JSON object a way, and every way gets the same tasks. Writes JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax

from metaplastic import hub
from metaplastic.cli.runtime import one_thread_per_operation
from metaplastic.compilation import use_compilation_cache
from metaplastic.meta.config import MetaTrainConfig, parse_config
from metaplastic.meta.config_tables import lay, make_config
from metaplastic.meta.estimators import Estimate
from metaplastic.meta.group import begin_group
from metaplastic.meta.plan import make_plan


def signal_share(mean_norm: float, norms: np.ndarray) -> float:
    """Of N gradients with these norms, whose mean has norm `mean_norm`: the mean product of two
    different ones over the mean square of one. 1 where all are equal, around 0 where independent.
    """
    count, squares = len(norms), float(np.sum(norms**2))
    return (count**2 * mean_norm**2 - squares) / ((count - 1) * squares)


def measure(config: MetaTrainConfig, args: argparse.Namespace) -> dict[str, Any]:
    """One way: the shares of every architecture, and their mean."""
    plan = make_plan(config, data_dir=args.data_dir)
    assert config.rule.start is not None
    rule = hub.load_rule(config.rule.start)
    estimator, found = plan.estimator(), {}
    length = jnp.array(estimator.lengths[1])

    @eqx.filter_jit
    def run(rule: Any, group: Any) -> Estimate:
        """The estimate, of tasks that begin."""
        state = estimator.init(rule, group, group.keys)
        return estimator.estimate(rule, group, state, group.keys, length)

    for number in args.groups:
        stream = plan.stream(number)
        group = begin_group(rule, stream, [0] * args.tasks)
        run(rule, group)  # compiles
        start = time.perf_counter()
        estimate = run(rule, group)
        norms = np.minimum(np.asarray(estimate.norm), config.optimizer.clip_task)
        kept = norms[np.asarray(estimate.finite)]
        found[str(stream.architecture)] = {
            "signal_share": signal_share(float(optax.tree.norm(estimate.gradient)), kept),
            "median_norm": float(np.median(np.asarray(estimate.norm))),
            "loss": float(np.mean(np.asarray(estimate.loss))),
            "seconds_per_task": (time.perf_counter() - start) / args.tasks,
        }
    share = float(np.mean([entry["signal_share"] for entry in found.values()]))
    return {"signal_share": share, "architectures": found}


def main() -> None:
    """Measure every way, print, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="a recipe whose rule.start is there")
    parser.add_argument("--ways", nargs="*", default=["{}"], help="settings laid on it, as JSON")
    parser.add_argument("--groups", nargs="*", type=int, default=[0, 1], help="architectures")
    parser.add_argument("--tasks", type=int, default=32, help="an architecture")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    one_thread_per_operation()
    use_compilation_cache()
    base = make_config(file=args.config).model_dump(mode="json")
    found: dict[str, Any] = {}
    for way in args.ways:
        found[way] = measure(parse_config(lay(base, json.loads(way))), args)
        print(f"{way}: signal share {found[way]['signal_share']:.3f}", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"config": args.config.name, "tasks": args.tasks, "ways": found}
    args.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
