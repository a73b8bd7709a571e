"""Counts of a compiled program's matrix products and of the bytes it moves, from its HLO text.

XLA's own `cost_analysis` counts the body of a loop once; here bodies count as often as they run.
Bytes are those of the operands and results of every instruction outside fusions, which is the
traffic between passes over memory. A slice counts the part it reads, not its whole operand.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

_SIZES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "c64": 8}
_SIZES |= {"f64": 8, "s64": 8, "u64": 8}  # everything else has four bytes
_ARRAY = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
_INSTRUCTION = re.compile(r"^\s*(ROOT )?%?([\w.\-]+) = (.*?) ([a-z][\w\-]*)\((.*)$")
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all"}
_FREE |= {"opt-barrier", "partition-id", "replica-id"}
_SLICES = {"dynamic-slice", "slice", "gather"}
_GEMM = re.compile(r'custom_call_target="__(?:cublas|onednn)[^"]*"')


class Product(NamedTuple):
    """A batch of matrix products, (m × k) by (k × n)."""

    batch: int
    m: int
    k: int
    n: int

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.m * self.k * self.n


class Instruction(NamedTuple):
    """One instruction of a computation, parsed from its text."""

    name: str
    shape: str
    opcode: str
    operands: tuple[str, ...]
    attributes: str
    root: bool

    @property
    def bytes(self) -> int:
        return sum(
            _SIZES.get(kind, 4) * math.prod(int(d) for d in dims.split(",") if d)
            for kind, dims in _ARRAY.findall(self.shape)
        )

    @property
    def dims(self) -> list[int]:
        match = _ARRAY.search(self.shape)
        return [int(d) for d in match.group(2).split(",") if d] if match else []

    def called(self, key: str) -> list[str]:
        match = re.search(rf"{key}=\{{?(%?[\w.\-]+(?:, %?[\w.\-]+)*)", self.attributes)
        return [name.strip(" %") for name in match.group(1).split(",")] if match else []


@dataclass
class Counts:
    """How often each product (by shape) and each pass over memory (by bytes moved) runs."""

    products: Counter[Product] = field(default_factory=Counter)
    passes: Counter[int] = field(default_factory=Counter)

    @property
    def flops(self) -> int:
        """Return the floating-point operations of matrix products only."""
        return sum(p.flops * n for p, n in self.products.items())

    @property
    def bytes(self) -> int:
        return sum(size * n for size, n in self.passes.items())

    def add(self, other: Counts, times: int) -> None:
        self.products.update({key: n * times for key, n in other.products.items()})
        self.passes.update({key: n * times for key, n in other.passes.items()})


def count(hlo: str) -> Counts:
    """Count a compiled program. For a conditional, the most expensive branch is counted."""
    computations, entry = parse(hlo)
    return _Counter(computations).of(entry)


def parse(hlo: str) -> tuple[dict[str, dict[str, Instruction]], str]:
    computations: dict[str, dict[str, Instruction]] = {}
    current: dict[str, Instruction] = {}
    entry = ""
    for line in hlo.splitlines():
        if header := _COMPUTATION.match(line):
            current = computations[header.group(2)] = {}
            entry = header.group(2) if header.group(1) else entry
        elif match := _INSTRUCTION.match(line):
            root, name, shape, opcode, attributes = match.groups()
            inside = attributes.split(")", 1)[0]
            operands = tuple(re.findall(r"%([\w.\-]+)", inside))
            current[name] = Instruction(name, shape, opcode, operands, attributes, bool(root))
    return computations, entry


class _Counter:
    def __init__(self, computations: dict[str, dict[str, Instruction]]) -> None:
        self._computations = computations
        self._known: dict[str, Counts] = {}

    def of(self, name: str) -> Counts:
        if name not in self._known:
            counts = Counts()
            inside = self._computations.get(name, {})
            for instruction in inside.values():
                self._add(counts, instruction, inside)
            self._known[name] = counts
        return self._known[name]

    def _add(self, counts: Counts, one: Instruction, inside: dict[str, Instruction]) -> None:
        if one.opcode == "while":
            trips = re.search(r'known_trip_count":\{"n":"(\d+)"', one.attributes)
            counts.add(self.of(one.called("body")[0]), int(trips.group(1)) if trips else 1)
        elif one.opcode in ("call", "async-start"):
            for name in one.called("to_apply") or one.called("calls"):
                counts.add(self.of(name), 1)
        elif one.opcode == "conditional":
            names = one.called("branch_computations")
            names = names or [*one.called("true_computation"), *one.called("false_computation")]
            counts.add(max((self.of(n) for n in names), key=lambda c: c.flops + c.bytes), 1)
        elif one.opcode not in _FREE:
            if product := self._product(one, inside):
                counts.products[product] += 1
            if one.opcode == "fusion":
                for name in one.called("calls"):
                    counts.products.update(self.of(name).products)
            counts.passes[self._bytes(one, inside)] += 1

    def _product(self, one: Instruction, inside: dict[str, Instruction]) -> Product | None:
        gemm = one.opcode == "custom-call" and _GEMM.search(one.attributes)
        if one.opcode != "dot" and not gemm:
            return None
        key = "contracting_dim(?:ension)?s"
        contracted = re.search(rf"lhs_{key}\W+([\d,\" ]+)", one.attributes)
        batched = re.search(r"lhs_batch_dim(?:ension)?s\W+([\d,\" ]+)", one.attributes)
        if contracted is None or not all(name in inside for name in one.operands[:2]):
            return None
        left, right = (inside[name].dims for name in one.operands[:2])
        k = math.prod(left[int(d)] for d in re.findall(r"\d+", contracted.group(1)))
        axes = re.findall(r"\d+", batched.group(1)) if batched else []
        batch = math.prod(left[int(d)] for d in axes)
        return Product(batch, math.prod(left) // (k * batch), k, math.prod(right) // (k * batch))

    def _bytes(self, one: Instruction, inside: dict[str, Instruction]) -> int:
        operands = [inside[name] for name in one.operands if name in inside]
        if one.opcode in _SLICES:
            return 2 * one.bytes
        if one.opcode == "dynamic-update-slice":
            return 2 * operands[1].bytes
        if one.opcode == "fusion":
            return self._fusion_bytes(one, operands)
        return one.bytes + sum(o.bytes for o in operands)

    def _fusion_bytes(self, one: Instruction, operands: list[Instruction]) -> int:
        body = self._computations.get((one.called("calls") or [""])[0], {})
        users: dict[str, list[Instruction]] = {}
        for user in body.values():
            for name in user.operands:
                users.setdefault(name, []).append(user)
        total = 0
        for member in body.values():
            if member.opcode != "parameter":
                continue
            readers = users.get(member.name, [])
            if readers and all(r.opcode in _SLICES for r in readers):
                total += sum(r.bytes for r in readers)
            elif not all(
                r.opcode == "dynamic-update-slice" and r.operands[0] == member.name for r in readers
            ):
                total += member.bytes
        written = one.bytes
        for member in body.values():
            if member.opcode == "dynamic-update-slice":  # in place, so only the slice is written
                written += body[member.operands[1]].bytes - member.bytes
        return total + max(written, 0)
