"""Precisions of matrix products on an accelerator: speed, and the gradient's cosine to float32's.

The ridge solve always requests full float32.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax

from benchmarks.agreement import agreement
from benchmarks.limits import best_seconds
from benchmarks.workloads import benchmark_rule, draw_group, from_json, lower, theta_arrays

PRECISIONS = {"float32": "float32", "TF32": "tensorfloat32", "bfloat16": "bfloat16"}


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return one row per precision; those that the backend refuses hold the reason."""
    rule = benchmark_rule()
    base = from_json(arguments["workload"])
    group = draw_group(base, rule)
    reference: dict[str, Any] | None = None
    rows: dict[str, Any] = {}
    for label, precision in PRECISIONS.items():
        workload = replace(base, precision=precision)
        try:
            lowered, inputs = lower(workload, rule, group)
            program = lowered.compile()
            gradient = theta_arrays(jax.block_until_ready(program(*inputs)).gradient)
        except Exception as error:  # a backend may refuse with any exception type
            rows[label] = {"refused": str(error).splitlines()[0][:200]}
            continue
        reference = reference or gradient
        seconds = best_seconds(lambda p=program, a=inputs: jax.block_until_ready(p(*a)))
        rows[label] = {
            "seconds": seconds,
            "ms_per_task_step": seconds / workload.task_steps * 1e3,
            "truncations_per_second": workload.tasks / seconds,
            **agreement(reference, gradient),
        }
    return rows
