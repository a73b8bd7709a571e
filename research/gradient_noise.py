"""`python -m research.gradient_noise CONFIG`: the fraction of the meta-gradient that is signal.

Each task of a run's stream gives a gradient at the rule that the run starts from. The fraction of
their mean square norm that they share, estimated without bias, is the signal for a meta-step; its
inverse is the number of tasks at which signal and noise are equal. `--ways` gives variants of the
configuration, one JSON object of settings each; all variants get the same tasks. Writes JSON.
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
from metaplastic.compilation import use_compilation_cache
from metaplastic.meta.config import MetaTrainConfig, parse_config
from metaplastic.meta.config_tables import lay, make_config
from metaplastic.meta.estimators import Estimate
from metaplastic.meta.group import begin_group
from metaplastic.meta.plan import make_plan
from metaplastic.threads import one_thread_per_operation


def signal_share(mean_norm: float, norms: np.ndarray) -> float:
    """Compute, for N gradients with these norms and a mean of norm `mean_norm`, the mean product of
    two different gradients over the mean square: 1 if all are equal, about 0 if independent.
    """
    count, squares = len(norms), float(np.sum(norms**2))
    return (count**2 * mean_norm**2 - squares) / ((count - 1) * squares)


def measure(config: MetaTrainConfig, args: argparse.Namespace) -> dict[str, Any]:
    """Measure a variant: the signal share of every architecture, and the mean."""
    plan = make_plan(config, data_dir=args.data_dir)
    assert config.rule.start is not None
    rule = hub.load_rule(config.rule.start)
    estimator, by_architecture = plan.estimator(), {}
    length = jnp.array(estimator.lengths[1])

    @eqx.filter_jit
    def run(rule: Any, group: Any) -> Estimate:
        """Estimate the gradient of newly started tasks."""
        state = estimator.init(rule, group, group.keys)
        return estimator.estimate(rule, group, state, group.keys, length)

    for number in args.groups:
        stream = plan.stream(number)
        group = begin_group(rule, stream, [0] * args.tasks)
        run(rule, group)  # compile
        start = time.perf_counter()
        estimate = run(rule, group)
        norms = np.minimum(np.asarray(estimate.norm), config.optimizer.clip_task)
        finite_norms = norms[np.asarray(estimate.finite)]
        by_architecture[str(stream.architecture)] = {
            "signal_share": signal_share(float(optax.tree.norm(estimate.gradient)), finite_norms),
            "median_norm": float(np.median(np.asarray(estimate.norm))),
            "loss": float(np.mean(np.asarray(estimate.loss))),
            "seconds_per_task": (time.perf_counter() - start) / args.tasks,
        }
    share = float(np.mean([entry["signal_share"] for entry in by_architecture.values()]))
    return {"signal_share": share, "architectures": by_architecture}


def main() -> None:
    """Measure every variant, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="a recipe whose rule.start is available")
    parser.add_argument(
        "--ways", nargs="*", default=["{}"], help="variants: settings on top of the recipe, as JSON"
    )
    parser.add_argument(
        "--groups",
        nargs="*",
        type=int,
        default=[0, 1],
        help="groups whose architectures are measured",
    )
    parser.add_argument("--tasks", type=int, default=32, help="tasks per architecture")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    one_thread_per_operation()
    use_compilation_cache()
    base = make_config(file=args.config).model_dump(mode="json")
    results: dict[str, Any] = {}
    for variant in args.ways:
        results[variant] = measure(parse_config(lay(base, json.loads(variant))), args)
        print(f"{variant}: signal share {results[variant]['signal_share']:.3f}", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"config": args.config.name, "tasks": args.tasks, "ways": results}
    args.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
