"""How many tasks of a workload fit the device at once, by the prediction of memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax

from benchmarks.workloads import benchmark_rule, from_json, predicted_bytes

SHARE = 0.6  # of the device's memory; the prediction was fitted to processors


def run(arguments: dict[str, Any]) -> dict[str, Any]:
    workload = replace(from_json(arguments["workload"]), tasks=1)
    statistics = jax.devices()[0].memory_stats() or {}
    room = statistics.get("bytes_limit", 8 * 2**30)
    return {"tasks": int(SHARE * room / predicted_bytes(workload, benchmark_rule()))}
