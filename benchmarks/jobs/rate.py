"""The rate of meta-gradients over some seconds, started on a signal so that several run at once."""

from __future__ import annotations

import sys
import time
from typing import Any

import jax

from benchmarks.workloads import benchmark_rule, draw_group, from_json, lower


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """Compile, print `ready`, wait for a line on stdin, and count gradients."""
    workload = from_json(arguments["workload"])
    rule = benchmark_rule()
    lowered, inputs = lower(workload, rule, draw_group(workload, rule))
    program = lowered.compile()
    jax.block_until_ready(program(*inputs))
    print("ready", flush=True)
    sys.stdin.readline()
    runs, began = 0, time.perf_counter()
    while (seconds := time.perf_counter() - began) < arguments["seconds"]:
        jax.block_until_ready(program(*inputs))
        runs += 1
    return {"task_steps_per_second": runs * workload.task_steps / seconds}
