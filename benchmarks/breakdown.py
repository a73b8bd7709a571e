"""Breakdown of a compiled program's time by operation, from one traced run."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from benchmarks.counting import Instruction, parse

_CONTAINERS = {"while", "conditional", "call", "tuple"}
_MOVES = {"concatenate", "copy", "transpose", "slice", "dynamic-slice", "dynamic-update-slice"}
_MOVES |= {"gather", "scatter", "pad", "broadcast", "reshape", "bitcast", "parameter", "constant"}
_MOVES |= {"convert", "iota"}
LARGEST = 8


def breakdown(hlo: str, job: Callable[[], Any]) -> dict[str, Any]:
    """Return shares of the traced time by kind of operation and phase, and the largest operations.

    `job` runs the program once. Empty if the profiler does not report single operations.
    """
    computations, _ = parse(hlo)
    instructions = {i.name: i for body in computations.values() for i in body.values()}
    nanoseconds = _trace(job)
    kinds: Counter[str] = Counter()
    phases: Counter[str] = Counter()
    largest: Counter[str] = Counter()
    for name, spent in nanoseconds.items():
        instruction = instructions.get(name)
        if instruction is None or instruction.opcode in _CONTAINERS:
            continue
        kind = kind_of(instruction, computations)
        kinds[kind] += spent
        phases[_phase(instruction, computations)] += spent
        largest[f"{kind}: {re.sub(r'[{].*', '', instruction.shape)[:60]}"] += spent
    total = sum(kinds.values())
    if not total:
        return {}
    return {
        "seconds_in_operations": total / 1e9,
        "by_kind": {kind: spent / total for kind, spent in kinds.most_common()},
        "by_phase": {phase: spent / total for phase, spent in phases.most_common()},
        "largest": [[name, spent / total] for name, spent in largest.most_common(LARGEST)],
    }


def _trace(job: Callable[[], Any]) -> Counter[str]:
    spent: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            jax.block_until_ready(job())
        for path in Path(folder).rglob("*.xplane.pb"):
            for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
                for line in plane.lines:
                    for event in line.events:
                        spent[event.name] += event.duration_ns
    return spent


def kind_of(instruction: Instruction, computations: dict[str, dict[str, Instruction]]) -> str:
    """Classify the work of an instruction."""
    opcodes = {instruction.opcode}
    if instruction.opcode == "fusion":
        bodies = [computations.get(name, {}) for name in instruction.called("calls")]
        opcodes = {i.opcode for body in bodies for i in body.values()}
    if "dot" in opcodes:
        return "matrix products"
    if "custom-call" in opcodes:
        return "library calls (Cholesky, solves)"
    if "sort" in opcodes or "rng-bit-generator" in opcodes or instruction.shape.startswith("u32"):
        return "drawing examples"
    if opcodes & {"reduce", "reduce-window"}:
        return "sums and maxima"
    if opcodes <= _MOVES:
        return "moving data"
    return "element-wise"


def _phase(instruction: Instruction, computations: dict[str, dict[str, Instruction]]) -> str:
    text = instruction.attributes
    for name in instruction.called("calls"):
        if "op_name" not in text:
            text += "".join(i.attributes for i in computations.get(name, {}).values())
    if "rematted_computation" in text:
        return "recomputed"
    if "transpose(" in text:
        return "backward"
    return "forward" if "op_name" in text else "not told"
