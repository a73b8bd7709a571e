"""What tables of results share, as HTML: best method first, the rule marked where it loses too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from metaplastic.figures.pages import render

OURS = ("rule", "rule-all")


def is_ours(name: str, method: dict[str, Any]) -> bool:
    """Whether a method is the learned rule, of which a study may have several readings."""
    return name in OURS or bool(method.get("ours"))


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[tuple[Sequence[str], str]],
) -> str:
    """HTML. Rows are (cells, class name); all text is escaped."""
    return render("table.html.j2", caption=caption, head=head, rows=list(rows))


def shown(summary: dict[str, Any] | None, sign: bool = False) -> str:
    """A mean and its standard error."""
    if summary is None:
        return ""
    if summary["mean"] is None:
        return "no number"
    failed = f" ({summary['failed']} seeds failed)" if summary.get("failed") else ""
    mean = f"{summary['mean']:+.3f}" if sign else f"{summary['mean']:.3f}"
    return f"{mean} ± {summary['standard_error']:.3f}{failed}"


def level(summary: dict[str, Any]) -> float:
    """A mean to rank by; one that is not a number comes last."""
    return -1.0 if summary["mean"] is None else float(summary["mean"])


def ranked(methods: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    """Methods from best to worst, with the class of their row."""
    order = sorted(methods.items(), key=lambda item: -level(item[1]))
    return [
        (
            name,
            method,
            f"{'rule' if is_ours(name, method) else ''} {'best' if i == 0 else ''}".strip(),
        )
        for i, (name, method) in enumerate(order)
    ]


def chosen(method: dict[str, Any]) -> str:
    """The settings that the search chose for a baseline."""
    found = (method.get("search") or {}).get("settings") or {}
    return ", ".join(f"{key} = {value}" for key, value in found.items()) or "none"
