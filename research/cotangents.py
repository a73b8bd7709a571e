"""`python -m research.cotangents RULE...`: how the meta-gradient grows along an unroll.

For some tasks of each source, computes the norm of the loss's gradient in φ, propagated back from
the end of an unroll of 50 inner steps to its start. If it grows without bound, the unroll is
chaotic.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from metaplastic.compilation import use_compilation_cache
from metaplastic.evaluation.named_rule import named_rule
from metaplastic.inner_loop import step
from metaplastic.meta.group import TaskStream, begin_task
from metaplastic.meta.reading import read_objective
from metaplastic.meta.unroll import draw_labelled, draw_minibatch
from metaplastic.objectives import Ridge
from metaplastic.tasks import Architecture, TaskConfig, load_sources
from metaplastic.threads import one_thread_per_operation

SOURCES = ("glyphs", "omniglot@28", "shapes", "imagenet@32")
TASKS = TaskConfig(examples_per_class=200, labelled_apart=20)
ARCHITECTURE = Architecture(14, 1, (128, 64), 32)
STEPS, LATE_WEIGHT, BATCH = 50, 8.0, 64
SEED = 7


@eqx.filter_jit
def norms(rule: Any, phi: Any, state: Any, pool: Any, key: Any) -> jax.Array:
    """Compute |dL/dφ_t| after each step t, for the loss weighted as in meta-training."""
    batch_keys = jax.random.split(key, STEPS)
    xs = jax.vmap(lambda k: draw_minibatch(pool, BATCH, k))(batch_keys)
    fit, test = draw_labelled(pool, TASKS.labels_per_class, key)
    weight = (jnp.arange(1, STEPS + 1) / STEPS) ** LATE_WEIGHT
    weight = weight / jnp.sum(weight)
    ts = jnp.arange(STEPS)
    _, states = jax.lax.scan(lambda c, inputs: (step(rule, *c, *inputs), c), (phi, state), (xs, ts))

    def back(later: Any, inputs: Any) -> tuple[Any, jax.Array]:
        (before, state), x, t, share = inputs
        after, pullback = jax.vjp(lambda p: step(rule, p, state, x, t)[0], before)
        local = jax.grad(lambda p: read_objective(p, fit, test, Ridge()))(after)
        total = jax.tree.map(lambda a, b: a + share * b, later, local)
        return pullback(total)[0], optax.tree.norm(total)

    return jax.lax.scan(
        back, jax.tree.map(jnp.zeros_like, phi), (states, xs, ts, weight), reverse=True
    )[1]


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="+", help="rule files, or names of shipped rules")
    parser.add_argument("--tasks", type=int, default=3, help="per source")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    one_thread_per_operation()
    use_compilation_cache()
    results: dict[str, Any] = {}
    for name in args.rules:
        rule = named_rule(name).rule
        results[name] = {}
        for source in SOURCES:
            loaded = load_sources(
                [source], "meta-train", n_classes=TASKS.n_classes, data_dir=args.data_dir
            )
            stream = TaskStream(
                loaded,
                TASKS,
                Architecture(14, 1, (128, 64), 32),
                (STEPS, STEPS),
                seed=SEED,
                group=0,
            )
            rows = []
            for serial in range(args.tasks):
                key = stream.key(0, serial)
                state = begin_task(rule, key, stream.architecture)
                rows.append(np.asarray(norms(rule, *state, stream.pool(0, serial), key)).tolist())
            results[name][source] = rows
            steps = (49, 40, 30, 20, 10, 5, 0)
            for row in rows:
                print(name, source, " ".join(f"{row[t]:.2g}" for t in steps), flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
