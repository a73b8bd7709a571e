"""The summary of the report: what was measured and how the rule did, in a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from metaplastic.figures.marks import compared
from metaplastic.figures.style import ACCURACY, BLUE, GREY, ORANGE, new_figure, numbers
from metaplastic.figures.tables import is_ours, level, shown, table

HEAD = ("data set", "learned rule", "random network", "best other method", "won / tied / lost")


@dataclass(frozen=True)
class Summary:
    """Lines of text, and optionally a figure with its caption and a table as HTML."""

    lines: list[str]
    figure: Figure | None = None
    caption: str = ""
    table: str = ""


def summarise(studies: dict[str, dict[str, Any]]) -> Summary:
    """Summarise the results of all studies, given by name."""
    rules = dict.fromkeys(str(content["rule"]["label"]) for content in studies.values())
    seeds = sorted({len(content["seeds"]) for content in studies.values()})
    span = " to ".join(dict.fromkeys((str(seeds[0]), str(seeds[-1]))))
    lines = [f"Studies: {len(studies)}; rule: {', '.join(rules)}; seeds of a study: {span}."]
    datasets = studies.get("datasets")
    if datasets is None:
        return Summary(lines)
    rows = _rows(datasets)
    verdicts = [verdict for row in rows for verdict in row.verdicts]
    won, lost = verdicts.count("win"), verdicts.count("loss")
    others = {name for row in rows for name in row.others}
    lines.append(
        f"Data sets: {len(rows)}; other methods: {len(others)}. Of {len(verdicts)} differences, "
        f"{won} are significant wins of the rule and {lost} are significant losses, by a paired "
        "t-test over seeds at 5 % with Holm's correction."
    )
    return Summary(lines, _draw(rows), CAPTION, _table(rows))


CAPTION = (
    "Accuracy with few labels: the learned rule (blue), the random network it starts from "
    "(orange), and all other methods (grey)."
)


@dataclass(frozen=True)
class _Row:
    address: str
    rule: dict[str, Any] | None
    random: dict[str, Any] | None
    others: dict[str, dict[str, Any]]
    verdicts: list[str]


def _rows(content: dict[str, Any]) -> list[_Row]:
    reference = content.get("reference", "rule")
    marks = compared(content["datasets"], reference)
    rows = []
    for address, entry in content["datasets"].items():
        methods = entry["methods"]
        others = {n: m for n, m in methods.items() if not is_ours(n, m)}
        verdicts = [marks[address, n].verdict for n in others if (address, n) in marks]
        random = others.get("random")
        rows.append(_Row(address, methods.get(reference), random, others, verdicts))
    return rows


def _table(rows: list[_Row]) -> str:
    cells = []
    for row in rows:
        best = max(row.others.values(), key=level, default=None)
        best_cell = "" if best is None else f"{best['title']}: {shown(best)}"
        counts = " / ".join(str(row.verdicts.count(v)) for v in ("win", "tie", "loss"))
        cells.append(((row.address, shown(row.rule), shown(row.random), best_cell, counts), ""))
    return table("The rule at a glance", HEAD, cells)


def _draw(rows: list[_Row]) -> Figure:
    """Draw one row per data set, in a size that suits a phone."""
    figure = new_figure(4.6, 1.0 + 0.34 * len(rows))
    axes = figure.subplots()
    for index, row in enumerate(reversed(rows)):
        marks = [(m, GREY, "|", 9) for n, m in row.others.items() if n != "random"]
        marks += [(row.random, ORANGE, "v", 7), (row.rule, BLUE, "o", 8)]
        for method, colour, marker, size in marks:
            if method is not None:
                axes.plot(numbers([method["mean"]]), [index], marker, color=colour, markersize=size)
    axes.set_yticks(range(len(rows)), [row.address for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(ACCURACY)
    return figure
