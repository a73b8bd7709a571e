"""`python -m benchmarks.report`: the tables of docs/performance.md, from results/bench-*.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.child import ROOT

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
OURS = "metaplastic"
LEAST_COSINE = 0.999  # of the gradient at a precision with that at float32


def rounded(value: Any) -> Any:
    """Round floats to five significant digits, for legible files."""
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def write() -> None:
    """Write every machine's tables to the page, between its markers."""
    files = sorted((ROOT / "results").glob("bench-*.json"))
    text = "\n\n".join(tables(json.loads(path.read_text())) for path in files)
    before, _, remainder = PAGE.read_text().partition(BEGIN)
    _, _, after = remainder.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def tables(results: dict[str, Any]) -> str:
    """Return all tables of one machine as Markdown."""
    sections = (_targets, _contest, _limits, _compiling, _growth, _precision, _breakdown)
    texts = [section(results) for section in sections]
    return "\n\n".join([_heading(results), *(text for text in texts if text)])


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [
        "| " + " | ".join(head) + " |",
        "|---|" + "---:|" * (len(head) - 1),
        *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows),
    ]
    return "\n".join(lines)


def _heading(results: dict[str, Any]) -> str:
    machine = results["machine"]
    hardware = (
        ", ".join(machine["accelerators"]) or f"{machine['cores']} cores {machine['processor']}"
    )
    versions = ", ".join(f"{n} {v}" for n, v in machine["versions"].items() if v)
    lines = [
        f"### {hardware}",
        "",
        f"Measured {results['date']}: {machine['system']}, Python {machine['python']}, {versions}. "
        f"Took {results['seconds'] / 60:.1f} minutes; load before it "
        f"{results['load_before'] or 0:.1f}.",
    ]
    if results["quick"]:
        lines.append("**A quick test, not a measurement.**")
    return "\n".join(lines)


def _placements(results: dict[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    for name, contest in results.get("contest", {}).items():
        for placement, measured in contest["placements"].items():
            if "failed" not in measured:
                yield name, placement, measured


def fastest(measured: dict[str, Any], word: str) -> tuple[str, dict[str, Any]] | None:
    """Return the fastest contender whose name starts with `word` and whose gradient agrees."""
    candidates = {
        name: c
        for name, c in measured["contenders"].items()
        if name.startswith(word) and name not in measured["disagreeing"]
    }
    if not candidates:
        return None
    best = min(candidates, key=lambda n: candidates[n]["ms_per_task_step"])
    return best, candidates[best]


def _targets(results: dict[str, Any]) -> str:
    """Show what was asked for beside what was measured and the most that this machine allows.

    The most is what the same program would give at the roofline, with products and passes over
    memory overlapped perfectly. A baseline in one process on all cores is compared with ours on all
    cores too; a baseline pinned to a core, with ours pinned to that core.
    """
    rows: list[tuple[str, str, float, float | None]] = []
    rooflines: dict[str, float] = {}  # seconds per task and inner step on one core
    for name, placement, measured in _placements(results):
        ours = measured["contenders"][OURS]
        limit = measured["limit"]["seconds"] if "limit" in measured else None
        if limit is not None:
            per_step = limit * ours["ms_per_task_step"] / ours["seconds"] / 1e3
            rooflines[name] = max(per_step, rooflines.get(name, 0.0))
        if baseline := fastest(measured, "PyTorch"):
            seconds = baseline[1]["seconds"]
            label = f"`{name}`, {placement}: times faster than {baseline[0]}"
            rows.append((label, "", seconds / ours["seconds"], limit and seconds / limit))
        if limit is not None:
            label = f"`{name}`, {placement}: of the roofline"
            asked = "0.45" if placement == "one core" else ""
            rows.append((label, asked, limit / ours["seconds"], 1.0))
    for name, both in results.get("together", {}).items():
        baselines = [
            baseline[1]["ms_per_task_step"]
            for placement, _, measured in _placements(results)
            if placement == name and (baseline := fastest(measured, "PyTorch"))
        ]
        if baselines and "failed" not in both:
            best = min(baselines) / 1e3
            most = best / rooflines[name] * len(both["rates"]) if name in rooflines else None
            label = f"`{name}`, one process per core: times faster than one PyTorch process"
            rows.append((label, "2", best * both["task_steps_per_second"], most))
    for name, both in results.get("compiling", {}).items():
        for state, asked in (("cold", 15), ("warm", 5)):
            if "failed" not in both[state]:
                seconds = both[state]["trace_seconds"] + both[state]["compile_seconds"]
                label = f"`{name}`: seconds to a compiled program, {state}"
                rows.append((label, f"at most {asked}", seconds, None))
    precise = {
        precision: c["truncations_per_second"]
        for precision, c in results.get("precision", {}).items()
        if isinstance(c, dict) and c.get("cosine", 0.0) >= LEAST_COSINE
    }
    if precise:
        precision = max(precise, key=lambda name: precise[name])
        label = f"`paper`, products in {precision}: truncations/s"
        rows.append((label, "370", precise[precision], None))
    shown = [
        [label, f"{value:.2f}", asked, "" if most is None else f"{most:.2f}"]
        for label, asked, value, most in rows
    ]
    head = ["", "measured", "asked for", "most on this machine"]
    return "#### Measured, asked for, and possible\n\n" + _table(head, shown) if shown else ""


def _contest(results: dict[str, Any]) -> str:
    rows = []
    lines = []
    for name, placement, measured in _placements(results):
        ours = measured["contenders"][OURS]["ms_per_task_step"]
        for label, c in measured["contenders"].items():
            agreement = "" if label == OURS else f"{c['cosine']:.6f}, {c['relative_error']:.1e}"
            ratio = f"{c['ms_per_task_step'] / ours:.2f} ×"
            rows.append(
                [f"`{name}`, {placement}", label, f"{c['ms_per_task_step']:.2f}", ratio, agreement]
            )
        lines += [f"- `{name}`, {placement}: {reason}" for reason in _skipped(measured)]
    for name, both in results.get("together", {}).items():
        if "failed" not in both:
            each = 1e3 / both["task_steps_per_second"]
            workload = f"`{name}`, {len(both['rates'])} pinned processes at once"
            rows.append([workload, f"{OURS}, sum of rates", f"{each:.2f}", "", ""])
    head = ["workload and placement", "contender", "ms per task and inner step"]
    head += ["time against ours", "gradient: cosine, relative error"]
    return "\n\n".join(["#### Meta-gradient", _table(head, rows), "\n".join(lines)]).strip()


def _skipped(measured: dict[str, Any]) -> list[str]:
    return [f"{label}: {reason}" for label, reason in measured["skipped"].items()] + [
        f"{label}: its gradient differs from ours" for label in measured["disagreeing"]
    ]


def _limits(results: dict[str, Any]) -> str:
    rows = []
    for name, placement, measured in _placements(results):
        if "limit" not in measured:
            continue
        limit, counted = measured["limit"], measured["counted"]
        workload = results["contest"][name]["workload"]
        scale = 1e3 / (workload["tasks"] * workload["steps"])
        seconds = measured["contenders"][OURS]["seconds"]
        rows.append(
            [
                f"`{name}`, {placement}",
                f"{counted['flops_of_products'] * scale / 1e9:.1f}",
                f"{counted['bytes'] * scale / 1e9:.1f}",
                f"{limit['products']['rate'] / 1e9:.0f}",
                f"{limit['products']['seconds'] * scale:.2f}",
                f"{limit['memory_seconds'] * scale:.2f}",
                limit["binds"],
                f"{100 * limit['seconds'] / seconds:.0f} %",
                f"{measured['inner_steps_per_second']:.0f}",
            ]
        )
    head = ["workload and placement", "Mflop of products", "MB moved", "products, Gflop/s"]
    head += ["products, ms", "memory, ms", "bottleneck", "of the roofline"]
    head += ["rule alone, inner steps/s"]
    return "#### The limit\n\nPer task and inner step.\n\n" + _table(head, rows) if rows else ""


def _compiling(results: dict[str, Any]) -> str:
    rows = []
    for name, both in results.get("compiling", {}).items():
        for state, c in both.items():
            if "failed" not in c:
                rows.append(
                    [
                        f"`{name}`, {state}",
                        f"{c['trace_seconds']:.1f}",
                        f"{c['compile_seconds']:.1f}",
                        _megabytes(c["temporary_bytes"]),
                        _megabytes(c["predicted_bytes"]),
                        _megabytes(c["resident_bytes_added_by_a_gradient"]),
                    ]
                )
    head = ["workload", "trace, s", "compile or load, s", "temporary, MB", "predicted, MB"]
    head += ["resident memory a gradient adds, MB"]
    return "#### Compilation and memory\n\n" + _table(head, rows) if rows else ""


def _megabytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f}"


def _growth(results: dict[str, Any]) -> str:
    rows = [
        [
            label,
            f"{c['ms_per_task_step']:.2f}",
            f"{c['compile_seconds']:.1f}",
            _megabytes(c["temporary_bytes"]),
            _megabytes(c["predicted_bytes"]),
        ]
        for label, c in results.get("growth", {}).items()
    ]
    head = ["variant", "ms per task and inner step", "compile, s", "temporary, MB"]
    head += ["predicted, MB"]
    return "#### Growth\n\n" + _table(head, rows) if rows else ""


def _precision(results: dict[str, Any]) -> str:
    rows = []
    for label, c in results.get("precision", {}).items():
        if not isinstance(c, dict) or "refused" in c:
            continue
        rows.append(
            [
                label,
                f"{c['ms_per_task_step']:.3f}",
                f"{c['truncations_per_second']:.0f}",
                f"{c['cosine']:.6f}",
            ]
        )
    head = ["products in", "ms per task and inner step", "truncations/s", "cosine to float32"]
    return "#### Precision, `paper`\n\n" + _table(head, rows) if rows else ""


def _breakdown(results: dict[str, Any]) -> str:
    columns = {
        f"`{name}`, {placement}": measured["breakdown"]
        for name, placement, measured in _placements(results)
        if measured.get("breakdown")
    }
    if not columns:
        return ""
    rows = []
    for part in ("by_kind", "by_phase"):
        labels = dict.fromkeys(label for c in columns.values() for label in c[part])
        rows += [
            [label, *(f"{100 * c[part].get(label, 0):.0f} %" for c in columns.values())]
            for label in labels
        ]
    return "#### Where the time goes\n\n" + _table(["share of the time", *columns], rows)


if __name__ == "__main__":
    write()
