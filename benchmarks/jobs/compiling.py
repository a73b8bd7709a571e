"""Seconds and memory up to the first meta-gradient in a fresh process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax

from benchmarks.workloads import benchmark_rule, draw_group, from_json, lower, predicted_bytes


def _resident(field: str) -> int | None:
    """Return a memory figure of this process in bytes; None if the system does not report it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    for line in status.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return None


def _reset_peak() -> None:
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    """Measure seconds to trace and to compile (or load from the cache), and memory in bytes."""
    workload = from_json(arguments["workload"])
    rule = benchmark_rule()
    group = draw_group(workload, rule)
    began = time.perf_counter()
    lowered, inputs = lower(workload, rule, group)
    traced = time.perf_counter()
    program = lowered.compile()
    compiled = time.perf_counter()
    _reset_peak()
    before = _resident("VmRSS")
    jax.block_until_ready(program(*inputs))
    peak = _resident("VmHWM")
    memory = program.memory_analysis()
    return {
        "trace_seconds": traced - began,
        "compile_seconds": compiled - traced,
        "first_run_seconds": time.perf_counter() - compiled,
        "temporary_bytes": memory.temp_size_in_bytes if memory else None,
        "predicted_bytes": predicted_bytes(workload, rule),
        "resident_bytes_before": before,
        "resident_bytes_added_by_a_gradient": peak - before if peak and before else None,
    }
