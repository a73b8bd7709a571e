"""Figure of study `permutation`: accuracy with intact and with permuted pixels."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.figures.style import ACCURACY, BLUE, GREY, new_figure, numbers, protocol_note
from metaplastic.figures.tables import OURS, shown, table

ORDERS = {"intact": ("intact pixels", "o", None), "permuted": ("permuted pixels", "s", "white")}


def draw(content: dict[str, Any]) -> Figure:
    """Draw one panel per data set and one row per method, with a line between both accuracies."""
    datasets = content["datasets"]
    first = next(iter(datasets.values()))["methods"]
    figure = new_figure(
        4.6 + 2.5 * len(datasets),
        1.9 + 0.36 * len(first),
        f"{content['title']}\n{protocol_note(content)}",
    )
    panels = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    for axes, (address, entry) in zip(panels, datasets.items(), strict=True):
        _panel(axes, entry)
        axes.set_title(address)
        axes.set_xlabel(ACCURACY)
    titles = [
        method["title"].replace(", meta-trained", ",\nmeta-trained") for method in first.values()
    ]
    panels[0].set_yticks(range(len(first))[::-1], titles, fontsize=8)
    panels[0].set_ylim(-0.6, len(first) - 0.4)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _panel(axes: Axes, entry: dict[str, Any]) -> None:
    methods = entry["methods"]
    height = {name: len(methods) - 1 - index for index, name in enumerate(methods)}
    for order, (label, marker, face) in ORDERS.items():
        for name, method in methods.items():
            colour = BLUE if name in OURS else GREY
            axes.errorbar(
                numbers([method[order]["mean"]]),
                [height[name]],
                xerr=numbers([method[order]["standard_error"]]),
                color=colour,
                marker=marker,
                markerfacecolor=face or colour,
                capsize=2.5,
                linestyle="",
                label=label if name in OURS else None,
                zorder=3,
            )
    for name, method in methods.items():
        ends = numbers([method[order]["mean"] for order in ORDERS])
        colour = BLUE if name in OURS else GREY
        axes.plot(ends, [height[name]] * 2, color=colour, linewidth=1.0, alpha=0.6)
    axes.axvline(entry["chance"], color="black", linewidth=0.8, linestyle=":", label="chance")


def tables(content: dict[str, Any]) -> str:
    """Return a table with a row per data set and method: both accuracies and their difference."""
    rows = []
    for address, entry in content["datasets"].items():
        for name, method in entry["methods"].items():
            cells = (address, method["title"], shown(method["intact"]), shown(method["permuted"]))
            rows.append(((*cells, shown(method["lost"])), "rule" if name in OURS else ""))
    head = ("data set", "method", "intact pixels", "permuted pixels", "difference, paired by seed")
    return table(content["title"], head, rows)
