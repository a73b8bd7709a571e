"""The stages of `make bench`, each run in child processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import child, machine
from benchmarks.child import ROOT, ChildError, Placement
from benchmarks.workloads import PAPER, SMALL, WORKLOADS, Workload, to_json
from metaplastic.tasks import Architecture

ACCELERATOR_TASKS = 64
COMPILE_PATIENCE = 90.0  # seconds for the baselines' compilers
TIMING_PATIENCE = 40.0  # seconds for PyTorch to load compiled code and be timed
_DEVICES = (
    "import jax; print('\\n'.join(d.device_kind for d in jax.devices() if d.platform!='cpu'))"
)


class Bench:
    """State shared by the stages: the machine, a cache of compiled programs, the amount of work."""

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self._folder = tempfile.TemporaryDirectory(prefix="metaplastic-bench-")
        self.cache = Path(self._folder.name)
        listed = subprocess.run(
            [sys.executable, "-c", _DEVICES], capture_output=True, text=True, check=False
        )
        self.accelerators = listed.stdout.split("\n")[:-1] if listed.stdout.strip() else []
        self.load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None

    @property
    def path(self) -> Path:
        return ROOT / "results" / f"bench-{machine.name(self.accelerators)}.json"

    @cached_property
    def one_core(self) -> Placement:
        """Return the last core, pinned; the whole machine if there is an accelerator."""
        return Placement("device") if self.accelerators else Placement("one core", self._cores[-1:])

    @cached_property
    def as_shipped(self) -> Placement:
        """Return all cores, as the command line uses them; unpinned with an accelerator."""
        if self.accelerators:
            return self.one_core
        return Placement(f"{len(self._cores)} cores, one process", self._cores)

    @property
    def _cores(self) -> tuple[int, ...]:
        return tuple(machine.cores())

    @property
    def single_cores(self) -> list[Placement]:
        """Return each core, pinned."""
        return [Placement(f"core {i}", (core,)) for i, core in enumerate(self._cores)]

    @cached_property
    def workloads(self) -> dict[str, Workload]:
        """Return the fixed workloads; on an accelerator, with as many tasks as keep it busy and fit
        its memory, and at float32 like the baselines (XLA would default to TF32; see stage
        `precision`)."""
        if not self.accelerators:
            return WORKLOADS
        fit = child.run("capacity", {"workload": to_json(PAPER)}, self.one_core)["tasks"]
        tasks = max(1, min(ACCELERATOR_TASKS, fit))
        return {
            n: replace(w, tasks=tasks, at_once=None, precision="float32")
            for n, w in WORKLOADS.items()
        }

    def header(self, seconds: float) -> dict[str, Any]:
        """Return machine, versions, date and total duration."""
        return {
            "kind": "bench",
            "format": 1,
            "name": machine.name(self.accelerators),
            "machine": machine.describe(self.accelerators),
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "load_before": self.load,
            "quick": self.quick,
            "seconds": seconds,
        }


def _attempt(
    job: str,
    arguments: dict[str, Any],
    placement: Placement,
    bench: Bench,
    timeout: float = 300.0,
) -> Any:
    try:
        return child.run(job, arguments, placement, cache=bench.cache, timeout=timeout)
    except ChildError as error:
        print(f"   {job}, {placement.name}: {error}", flush=True)
        return {"failed": str(error)}


def preparing(bench: Bench) -> dict[str, Any]:
    """Compile the baselines in parallel, before anything is timed."""
    workloads = [to_json(w) for w in bench.workloads.values()]
    jobs = [("plain", workloads)] + ([] if bench.quick else [("compile", workloads[:1])])
    children = [
        child.start("prepare", {"baseline": r, "workloads": w}, bench.as_shipped, bench.cache)
        for r, w in jobs
    ]
    deadline = time.monotonic() + COMPILE_PATIENCE
    for process, (baseline, _) in zip(children, jobs, strict=True):
        try:
            child.finish(process, max(1.0, deadline - time.monotonic()))
        except ChildError as error:  # the contest reports it or compiles again
            print(f"   preparing {baseline}: {error}", flush=True)
    return {}


def compiling(bench: Bench) -> dict[str, Any]:
    """Time compilation without a cache, then in a second process with it."""
    times: dict[str, Any] = {}
    for name, workload in bench.workloads.items():
        arguments = {"workload": to_json(workload)}
        cold, warm = (_attempt("compiling", arguments, bench.as_shipped, bench) for _ in range(2))
        times[name] = {"cold": cold, "warm": warm}
    return {"compiling": times}


def contest(bench: Bench) -> dict[str, Any]:
    """Time the product and its baselines, pinned to one core and on the whole machine."""
    seconds = 2.0 if bench.quick else 6.0
    shipped, several = bench.as_shipped, bench.as_shipped.threads > 1
    results: dict[str, Any] = {}
    for name, workload in bench.workloads.items():
        arguments = {
            "workload": to_json(workload),
            "plain": True,
            "seconds": seconds,
            "analyse": True,
        }
        arguments["torch"] = [(variant, 1) for variant in ("loop", "vmap")]
        placements = {bench.one_core.name: _attempt("contest", arguments, bench.one_core, bench)}
        arguments |= {"analyse": False, "plain": False}
        if several:
            arguments["torch"] = [(w, n) for w in ("loop", "vmap") for n in (1, shipped.threads)]
            placements[shipped.name] = _attempt("contest", arguments, shipped, bench)
        if name == "small" and not bench.quick:
            # on its own, as it may not have been compiled in time
            arguments |= {"torch": [("compile", 1)]}
            label = f"{shipped.name}, torch.compile"
            placements[label] = _attempt("contest", arguments, shipped, bench, TIMING_PATIENCE)
        results[name] = {"workload": to_json(workload), "placements": placements}
    return {"contest": results}


def together(bench: Bench) -> dict[str, Any]:
    """Time one pinned process per core, all at once, as engine `mesh` uses this machine's cores."""
    if bench.accelerators or bench.as_shipped.threads < 2:
        return {"together": {}}
    results = {}
    for name, workload in bench.workloads.items():
        arguments = {"workload": to_json(workload), "seconds": 2.0 if bench.quick else 5.0}
        children = [child.start("rate", arguments, p, bench.cache) for p in bench.single_cores]
        try:
            for process in children:
                assert process.stdout is not None
                while (line := process.stdout.readline()) and line.strip() != "ready":
                    pass
            for process in children:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            rates = [child.finish(process, 120.0)["task_steps_per_second"] for process in children]
            results[name] = {"rates": rates, "task_steps_per_second": sum(rates)}
        except (ChildError, OSError) as error:
            results[name] = {"failed": str(error)}
        finally:
            for process in children:
                child.stop(process)
    return {"together": results}


def growth(bench: Bench) -> dict[str, Any]:
    """Vary one dimension of the workload at a time; rows are distributed over the cores."""

    def deep(*hidden: int) -> Architecture:
        return Architecture(14, 1, hidden, 32)

    base = replace(SMALL, architecture=deep(64), tasks=1)
    rows = {
        "base: 196-64-32, batch 64, 8 steps, 1 task": base,
        "4 tasks, one after another": replace(base, tasks=4),
        "4 tasks at once": replace(base, tasks=4, at_once=4),
        "width 512": replace(base, architecture=deep(512)),
        "5 layers": replace(base, architecture=deep(64, 64, 64, 64)),
        "batch 256": replace(base, batch=256),
        "40 steps": replace(base, steps=40),
        "8 steps, not rematerialised": replace(base, rematerialise=False),
    }
    if bench.quick:
        rows = dict(list(rows.items())[:2])
    if bench.accelerators:
        rows = {n: replace(w, at_once=None) for n, w in rows.items()}
    placements = [bench.one_core] if bench.accelerators else bench.single_cores[-2:]
    names = list(rows)
    children = []
    for i, placement in enumerate(placements):
        share = {n: to_json(rows[n]) for n in names[i :: len(placements)]}
        children.append(child.start("growth", {"workloads": share}, placement, bench.cache))
    results: dict[str, Any] = {}
    for process in children:
        try:
            results |= child.finish(process, 300.0)
        except ChildError as error:
            print(f"   growth: {error}", flush=True)
    return {"growth": {name: results[name] for name in names if name in results}}


def precision(bench: Bench) -> dict[str, Any]:
    """Time precisions of matrix products, if there is an accelerator."""
    if not bench.accelerators:
        return {"precision": {}}
    arguments = {"workload": to_json(bench.workloads["paper"])}
    return {"precision": _attempt("precision", arguments, bench.one_core, bench)}


STAGES: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "preparing": preparing,
    "compiling": compiling,
    "contest": contest,
    "together": together,
    "growth": growth,
    "precision": precision,
}
