"""The tables of docs/performance.md, drawn from results/bench-*.json and nothing else.

python -m benchmarks.report
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.child import ROOT

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
OURS = "metaplastic"
LEAST_COSINE = 0.999  # of a precision's gradient to float32's


def rounded(value: Any) -> Any:
    """Floats to five significant digits, so that the file can be read."""
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def write() -> None:
    """Put every machine's tables into the page, between its marks."""
    files = sorted((ROOT / "results").glob("bench-*.json"))
    text = "\n\n".join(tables(json.loads(path.read_text())) for path in files)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def tables(results: dict[str, Any]) -> str:
    """All tables of one machine as Markdown."""
    sections = (_targets, _contest, _limits, _compiling, _growth, _precision, _breakdown)
    found = [section(results) for section in sections]
    return "\n\n".join([_heading(results), *(text for text in found if text)])


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [
        "| " + " | ".join(head) + " |",
        "|---|" + "---:|" * (len(head) - 1),
        *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows),
    ]
    return "\n".join(lines)


def _heading(results: dict[str, Any]) -> str:
    machine = results["machine"]
    what = ", ".join(machine["accelerators"]) or f"{machine['cores']} cores {machine['processor']}"
    versions = ", ".join(f"{n} {v}" for n, v in machine["versions"].items() if v)
    lines = [
        f"### {what}",
        "",
        f"Measured {results['date']}: {machine['system']}, Python {machine['python']}, {versions}. "
        f"Took {results['seconds'] / 60:.1f} minutes; load before it "
        f"{results['load_before'] or 0:.1f}.",
    ]
    if results["quick"]:
        lines.append("**A quick try, not a measurement.**")
    return "\n".join(lines)


def _places(results: dict[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    for name, contest in results.get("contest", {}).items():
        for place, found in contest["placements"].items():
            if "failed" not in found:
                yield name, place, found


def fastest(found: dict[str, Any], word: str) -> tuple[str, dict[str, Any]] | None:
    """The fastest contender whose name begins with `word` and whose gradient agrees."""
    of_kind = {
        name: c
        for name, c in found["contenders"].items()
        if name.startswith(word) and name not in found["disagreeing"]
    }
    if not of_kind:
        return None
    best = min(of_kind, key=lambda n: of_kind[n]["ms_per_task_step"])
    return best, of_kind[best]


def _targets(results: dict[str, Any]) -> str:
    """What was aimed at, and what this run gave. A baseline in one process on all cores is also
    compared with ours on all cores; a baseline pinned to a core, with ours pinned to it."""
    rows: list[tuple[str, str, float, bool]] = []
    for name, place, found in _places(results):
        ours = found["contenders"][OURS]["seconds"]
        if baseline := fastest(found, "PyTorch"):
            ratio = baseline[1]["seconds"] / ours
            what = f"`{name}`, {place}: times faster than {baseline[0]}"
            rows.append((what, "5", ratio, ratio >= 5))
        if "limit" in found:
            share = found["limit"]["seconds"] / ours
            rows.append((f"`{name}`, {place}: of the roofline", "0.5", share, share >= 0.5))
    for name, both in results.get("together", {}).items():
        baselines = [
            baseline[1]["ms_per_task_step"]
            for place, _, found in _places(results)
            if place == name and (baseline := fastest(found, "PyTorch"))
        ]
        if baselines and "failed" not in both:
            ratio = min(baselines) * both["task_steps_per_second"] / 1e3
            what = f"`{name}`, a process a core: times faster than one PyTorch process"
            rows.append((what, "5", ratio, ratio >= 5))
    for name, both in results.get("compiling", {}).items():
        for state, most in (("cold", 15), ("warm", 5)):
            if "failed" not in both[state]:
                seconds = both[state]["trace_seconds"] + both[state]["compile_seconds"]
                what = f"`{name}`: seconds to a compiled program, {state}"
                rows.append((what, f"at most {most}", seconds, seconds <= most))
    kept = {
        label: c["truncations_per_second"]
        for label, c in results.get("precision", {}).items()
        if isinstance(c, dict) and c.get("cosine", 0.0) >= LEAST_COSINE
    }
    if kept:
        label = max(kept, key=lambda name: kept[name])
        what = f"`paper`, products in {label}: truncations/s"
        rows.append((what, "370", kept[label], kept[label] >= 370))
    shown = [
        [what, aim, f"{value:.2f}", "met" if met else "**not met**"]
        for what, aim, value, met in rows
    ]
    return "#### Targets\n\n" + _table(["", "target", "measured", ""], shown) if shown else ""


def _contest(results: dict[str, Any]) -> str:
    rows = []
    lines = []
    for name, place, found in _places(results):
        ours = found["contenders"][OURS]["ms_per_task_step"]
        for label, c in found["contenders"].items():
            agreement = "" if label == OURS else f"{c['cosine']:.6f}, {c['relative_error']:.1e}"
            ratio = f"{c['ms_per_task_step'] / ours:.2f} ×"
            rows.append(
                [f"`{name}`, {place}", label, f"{c['ms_per_task_step']:.2f}", ratio, agreement]
            )
        lines += [f"- `{name}`, {place}: {why}" for why in _skipped(found)]
    for name, both in results.get("together", {}).items():
        if "failed" not in both:
            each = 1e3 / both["task_steps_per_second"]
            where = f"`{name}`, {len(both['rates'])} pinned processes at once"
            rows.append([where, f"{OURS}, sum of rates", f"{each:.2f}", "", ""])
    head = ["workload and placement", "contender", "ms per task and inner step"]
    head += ["time against ours", "gradient: cosine, relative error"]
    return "\n\n".join(["#### Meta-gradient", _table(head, rows), "\n".join(lines)]).strip()


def _skipped(found: dict[str, Any]) -> list[str]:
    return [f"{label}: {why}" for label, why in found["skipped"].items()] + [
        f"{label}: its gradient differs from ours" for label in found["disagreeing"]
    ]


def _limits(results: dict[str, Any]) -> str:
    rows = []
    for name, place, found in _places(results):
        if "limit" not in found:
            continue
        limit, counted = found["limit"], found["counted"]
        workload = results["contest"][name]["workload"]
        scale = 1e3 / (workload["tasks"] * workload["steps"])
        seconds = found["contenders"][OURS]["seconds"]
        rows.append(
            [
                f"`{name}`, {place}",
                f"{counted['flops_of_products'] * scale / 1e9:.1f}",
                f"{counted['bytes'] * scale / 1e9:.1f}",
                f"{limit['products']['rate'] / 1e9:.0f}",
                f"{limit['products']['seconds'] * scale:.2f}",
                f"{limit['memory_seconds'] * scale:.2f}",
                limit["binds"],
                f"{100 * limit['seconds'] / seconds:.0f} %",
                f"{found['inner_steps_per_second']:.0f}",
            ]
        )
    head = ["workload and placement", "Mflop of products", "MB moved", "products, Gflop/s"]
    head += ["products, ms", "memory, ms", "what binds", "of the roofline"]
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
    head = ["what is changed", "ms per task and inner step", "compile, s", "temporary, MB"]
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
        f"`{name}`, {place}": found["breakdown"]
        for name, place, found in _places(results)
        if found.get("breakdown")
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
