"""How time, memory and compilation grow, one dimension of a workload at a time."""

from __future__ import annotations

import time
from typing import Any

import jax

from benchmarks.limits import best_seconds
from benchmarks.workloads import benchmark_rule, draw_group, from_json, lower, predicted_bytes


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return one row for each workload, by label."""
    rows = {}
    rule = benchmark_rule()
    for label, given in arguments["workloads"].items():
        workload = from_json(given)
        lowered, inputs = lower(workload, rule, draw_group(workload, rule))
        began = time.perf_counter()
        program = lowered.compile()
        compiled = time.perf_counter() - began
        memory = program.memory_analysis()
        seconds = best_seconds(lambda p=program, a=inputs: jax.block_until_ready(p(*a)), rounds=4)
        rows[label] = {
            "seconds": seconds,
            "ms_per_task_step": seconds / workload.task_steps * 1e3,
            "compile_seconds": compiled,
            "temporary_bytes": memory.temp_size_in_bytes if memory else None,
            "predicted_bytes": predicted_bytes(workload, rule),
        }
    return rows
