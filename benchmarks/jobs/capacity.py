"""The number of tasks of a workload that fit on the device at once, by predicted memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax

from benchmarks.workloads import benchmark_rule, from_json, predicted_bytes

SHARE = 0.6  # of the device's memory, as the prediction was fitted to CPUs


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    workload = replace(from_json(arguments["workload"]), tasks=1)
    statistics = jax.devices()[0].memory_stats() or {}
    limit = statistics.get("bytes_limit", 8 * 2**30)
    return {"tasks": int(SHARE * limit / predicted_bytes(workload, benchmark_rule()))}
