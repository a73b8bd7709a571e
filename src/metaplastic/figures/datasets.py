"""Figure of study `datasets`: one panel per data set, methods from best to worst."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.evaluation.significance import Comparison, sampling_error
from metaplastic.figures.marks import compared
from metaplastic.figures.style import (
    ACCURACY,
    BLUE,
    GREY,
    ORANGE,
    new_figure,
    numbers,
    protocol_note,
)
from metaplastic.figures.tables import chosen, is_ours, ranked, shown, table

COLUMNS = 3


def draw(content: dict[str, Any]) -> Figure:
    """Draw bars with standard errors; the learned rule is blue, the random network orange."""
    datasets = content["datasets"]
    columns = min(COLUMNS, len(datasets))
    rows = -(-len(datasets) // columns)
    height = 0.8 + rows * (1.1 + 0.22 * max(len(d["methods"]) for d in datasets.values()))
    title = f"{content['title']}\n{protocol_note(content)}; dotted: chance"
    longest = max(len(m["title"]) for d in datasets.values() for m in d["methods"].values())
    figure = new_figure(max((2.4 + 0.08 * longest) * columns, 8.5), height, title)
    axes = figure.subplots(rows, columns, squeeze=False)
    for index, (address, entry) in enumerate(datasets.items()):
        _panel(axes.flat[index], address, entry)
    for unused in axes.flat[len(datasets) :]:
        unused.set_axis_off()
    return figure


def _panel(axes: Axes, address: str, entry: dict[str, Any]) -> None:
    methods = entry["methods"]
    order = sorted(methods, key=lambda name: -np.nan_to_num(_mean(methods[name]), nan=-1.0))
    positions = np.arange(len(order))[::-1]
    ours = {name: is_ours(name, methods[name]) for name in order}
    colours = [
        BLUE if ours[name] else ORANGE if name == "random" or "ours" in methods[name] else GREY
        for name in order
    ]
    axes.barh(
        positions,
        [_mean(methods[name]) for name in order],
        xerr=numbers([methods[name]["standard_error"] for name in order]),
        color=colours,
        height=0.72,
        error_kw={"elinewidth": 1.2, "capsize": 2.5},
    )
    axes.set_yticks(positions, [methods[name]["title"] for name in order])
    for tick, name in zip(axes.get_yticklabels(), order, strict=True):
        tick.set_fontweight("bold" if ours[name] else "normal")
    means = [_mean(methods[name]) for name in order]
    for y, mean, colour in zip(positions, means, colours, strict=True):
        text_colour = "black" if colour == ORANGE else "white"
        transform = axes.get_yaxis_transform()  # x as a fraction of the panel
        axes.text(
            0.015,
            y,
            f"{mean:.3f}",
            transform=transform,
            va="center",
            color=text_colour,
            fontsize=7.5,
        )
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, min(1.0, 1.12 * float(np.nanmax(means))))
    chance = 1 / entry["data"]["classes"]
    # behind the bars, so that it does not cross their numbers
    axes.axvline(chance, color="black", linewidth=0.8, linestyle=":", zorder=0)
    seen = "\nmeta-trained on another part" if entry["data"]["meta_trained_on"] else ""
    # short lines, as a long one would extend beyond the figure
    axes.set_title(f"{address}\n{entry['data']['test']:,} test examples{seen}")
    axes.set_xlabel(ACCURACY)


def _mean(method: dict[str, Any]) -> float:
    return float("nan") if method["mean"] is None else float(method["mean"])


def tables(content: dict[str, Any]) -> str:
    """Return one table per data set, best method first, with the marks of `figures.marks`."""
    parts = []
    marks = compared(content["datasets"], content.get("reference", "rule"))
    for address, entry in content["datasets"].items():
        rows = [
            (
                (
                    method["title"],
                    shown(method),
                    _with_mark(method.get("paired"), marks.get((address, name))),
                    "" if is_ours(name, method) else chosen(method),
                ),
                row,
            )
            for name, method, row in ranked(entry["methods"])
        ]
        head = ("method", "accuracy", "rule minus method", "chosen by the search (else defaults)")
        notes = "; ".join(entry["data"]["notes"])
        rule = entry["methods"].get(content.get("reference", "rule"), {"mean": None})
        caption = f"{address}: {entry['data']['test']:,} test examples"
        if rule["mean"] is not None:
            error = sampling_error(rule["mean"], entry["data"]["test"])
            caption += f", for which the rule's accuracy has a sampling error of ±{error:.3f}"
        parts.append(table(caption + (f" ({notes})" if notes else ""), head, rows))
    return "".join(parts)


def _with_mark(paired: dict[str, Any] | None, comparison: Comparison | None) -> str:
    mark = comparison.mark if comparison is not None else ""
    return f"{shown(paired, sign=True)} {mark}".strip()
