"""Shared code of HTML tables of results: best method first, the rule always marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from metaplastic.evaluation.results import with_error
from metaplastic.figures.pages import render

OURS = ("rule", "rule-all", "rule-averaged")


def is_ours(name: str, method: dict[str, Any]) -> bool:
    """Return whether a method is the learned rule, in any of its readings."""
    return name in OURS or bool(method.get("ours"))


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[tuple[Sequence[str], str]],
) -> str:
    """Return a table as HTML. Rows are (cells, CSS class); all text is escaped."""
    return render("table.html.j2", caption=caption, head=head, rows=list(rows))


def shown(summary: dict[str, Any] | None, sign: bool = False) -> str:
    """Format a mean and its standard error."""
    return with_error(summary, sign=sign)


def level(summary: dict[str, Any]) -> float:
    """Return a mean to sort by; a missing mean comes last."""
    return -1.0 if summary["mean"] is None else float(summary["mean"])


def ranked(methods: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    """Sort methods from best to worst, with the CSS class of their row."""
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
    """Describe the settings that the search chose for a baseline."""
    settings = (method.get("search") or {}).get("settings") or {}
    return ", ".join(f"{key} = {value}" for key, value in settings.items()) or "none"
