"""Where an accelerator's time goes in a meta-gradient: `python -m research.profile_device`.

    python -m research.profile_device --recipe recipes/gpu.toml --group 2 --data-dir DATA

Compiles the estimate of one of a recipe's groups as `meta-train` does, times it, and lists the
kernels that take longest. Programs are taken from JAX_COMPILATION_CACHE_DIR if they are there, so
the groups can be compiled by several processes first (`--compile-only`) and timed afterwards.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jax

from metaplastic.files import read_toml
from metaplastic.hub import load_rule
from metaplastic.meta.config import parse_config
from metaplastic.meta.engines.local import LocalEngine
from metaplastic.meta.plan import make_plan
from research.accelerator import AcceleratorError

REPEATS = 3


def kernels(trace: Path) -> Counter[str]:
    """Add up the nanoseconds of each kernel in a trace; empty if it has no accelerator."""
    total: Counter[str] = Counter()
    for path in trace.rglob("*.xplane.pb"):
        for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
            if plane.name.startswith("/device:"):
                for line in plane.lines:
                    if line.name and line.name.startswith("Stream"):
                        for event in line.events:
                            total[event.name] += int(event.duration_ns)
    return total


def main() -> None:
    """Compile, time and trace one group's estimate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recipe", type=Path, default=Path("recipes/gpu.toml"))
    parser.add_argument("--group", type=int, default=1, help="number of the group, from 1 on")
    parser.add_argument("--tasks", type=int, help="tasks of the group (default: the recipe's)")
    parser.add_argument("--compile-only", action="store_true", help="fill the cache of programs")
    parser.add_argument("--most", type=int, default=30, help="kernels to list")
    parser.add_argument("--data-dir", type=Path)
    given = parser.parse_args()

    config = parse_config(read_toml(given.recipe, AcceleratorError))
    n_tasks = given.tasks or config.tasks_per_group
    plan = make_plan(config, data_dir=given.data_dir)
    if not 1 <= given.group <= len(plan.architectures):
        parser.error(f"--group {given.group}: the recipe has groups 1 to {len(plan.architectures)}")
    stream = plan.streams()[given.group - 1]
    rule = load_rule(config.rule.start or "default")
    engine = LocalEngine([stream], plan.estimator(), n_tasks, seed=config.seed)
    engine.start(rule)
    arguments = engine._arguments(0, rule, 0, config.unroll.horizon[0])
    began = time.perf_counter()
    lowered = engine._program(0, rule).lower(*arguments)
    traced = time.perf_counter()
    program: Any = lowered.compile()
    print(
        f"{stream.architecture}, {n_tasks} tasks: traced in {traced - began:.1f} s, "
        f"compiled in {time.perf_counter() - traced:.1f} s"
    )
    if given.compile_only:
        return
    jax.block_until_ready(program(*arguments))
    for _ in range(REPEATS):
        began = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        print(f"estimate: {time.perf_counter() - began:.3f} s")
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            jax.block_until_ready(program(*arguments))
        for name, nanoseconds in kernels(Path(folder)).most_common(given.most):
            print(f"{nanoseconds / 1e6:9.2f} ms  {name}")


if __name__ == "__main__":
    main()
