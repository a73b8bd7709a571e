"""Figure of study `amounts`: accuracy against minibatches, unlabelled examples and features."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.figures.style import (
    ACCURACY,
    DASHED,
    GREY,
    METHODS,
    line,
    new_figure,
    seeds_note,
)
from metaplastic.figures.tables import OURS, shown, table


def draw(content: dict[str, Any]) -> Figure:
    """Draw one panel per sweep and one line per method; dotted: the value in the other panels."""
    sweeps = content["sweeps"]
    labels = content["settings"]["labels_per_class"]
    title = (
        f"{content['title']}, {content['data']['address']}\n"
        f"{labels} labels per class, {content['inner_steps']} inner steps, {seeds_note(content)}"
    )
    figure = new_figure(4.0 * len(sweeps), 4.6, title)
    panels = figure.subplots(1, len(sweeps), sharey=True, squeeze=False)[0]
    legend = {}
    for axes, sweep in zip(panels, sweeps.values(), strict=True):
        _panel(axes, sweep)
        handles, names = axes.get_legend_handles_labels()
        legend |= dict(zip(names, handles, strict=True))
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=len(legend))
    return figure


def _panel(axes: Axes, sweep: dict[str, Any]) -> None:
    values = sweep["values"]
    axes.axvline(sweep["usual"], color="black", linewidth=0.8, linestyle=":")
    for name, method in sweep["methods"].items():
        colour, marker = METHODS.get(name, (GREY, "."))
        style = "--" if name in DASHED else "-"
        summary, title = method["summary"], method["title"]
        line(axes, values, summary, label=title, colour=colour, marker=marker, style=style)
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:,}" for value in values], rotation=30)
    axes.minorticks_off()
    axes.set_xlabel(sweep["title"])
    axes.set_ylabel(ACCURACY)


def tables(content: dict[str, Any]) -> str:
    """Return one table per sweep, with a row per method and a column per value."""
    parts = []
    for sweep in content["sweeps"].values():
        rows = [
            ((method["title"], *map(shown, method["summary"])), "rule" if name in OURS else "")
            for name, method in sweep["methods"].items()
        ]
        head = ("method", *(f"{value:,}" for value in sweep["values"]))
        parts.append(table(f"Accuracy by {sweep['title']}", head, rows))
    return "".join(parts)
