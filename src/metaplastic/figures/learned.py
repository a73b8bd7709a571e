"""Figure of study `learned`: progress along meta-training, and the contribution of each part."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.figures.marks import compared
from metaplastic.figures.style import (
    ACCURACY,
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    new_figure,
    numbers,
    protocol_note,
)
from metaplastic.figures.tables import shown, table

HEADINGS = {
    "meta-training": "along meta-training",
    "switched off": "the rule without",
    "given": "other rules",
}
COLOURS = {"meta-training": BLUE, "switched off": VERMILION, "given": GREY}
GAP = 1.4  # row heights between two kinds


def draw(content: dict[str, Any]) -> Figure:
    """Draw one panel per data set and one row per rule: means with standard errors, the rule's mean
    as a line, and the single rules of a row as small rings."""
    datasets = content["datasets"]
    first = next(iter(datasets.values()))["methods"]
    heights = _rows(first)
    title = (
        f"{content['title']}: accuracy after {content['inner_steps']} inner steps\n"
        f"{protocol_note(content)}; rings: single rules of a row; dotted: the learned rule"
    )
    height = 1.6 + 0.21 * (max(heights.values()) - min(heights.values()) + 1)
    figure = new_figure(4.2 + 2.3 * len(datasets), height, title)
    panels = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    for axes, (address, entry) in zip(panels, datasets.items(), strict=True):
        _panel(axes, entry["methods"], heights, content["reference"])
        axes.set_title(address)
        axes.set_xlabel(ACCURACY)
    panels[0].set_yticks(list(heights.values()), [first[name]["title"] for name in heights])
    for tick, name in zip(panels[0].get_yticklabels(), heights, strict=True):
        tick.set_fontweight("bold" if name == content["reference"] else "normal")
    for kind, y in _headings(first, heights).items():
        panels[0].text(
            -0.03, y, HEADINGS[kind], transform=panels[0].get_yaxis_transform(), ha="right",
            va="center", style="italic", color=COLOURS[kind], fontsize=8.5,
        )  # fmt: skip
    panels[0].set_ylim(min(heights.values()) - 0.8, max(_headings(first, heights).values()) + 0.6)
    return figure


def _rows(methods: dict[str, Any]) -> dict[str, float]:
    """Return the height of each row, in the order of the results with gaps between kinds."""
    heights, y, previous = {}, 0.0, None
    for name, entry in methods.items():
        y -= GAP + 1 if previous not in (None, entry["kind"]) else 1
        heights[name], previous = y, entry["kind"]
    return heights


def _headings(methods: dict[str, Any], heights: dict[str, float]) -> dict[str, float]:
    highest: dict[str, float] = {}
    for name, entry in methods.items():
        highest.setdefault(entry["kind"], heights[name] + 1.0)
    return highest


def _panel(axes: Axes, methods: dict[str, Any], heights: dict[str, float], reference: str) -> None:
    line = methods[reference]["mean"]
    if line is not None:
        axes.axvline(line, color=BLUE, linewidth=0.9, linestyle=":")
    for name, entry in methods.items():
        colour = ORANGE if name == "random" else COLOURS[entry["kind"]]
        axes.errorbar(
            numbers([entry["mean"]]),
            [heights[name]],
            xerr=numbers([entry["standard_error"]]),
            color=colour,
            marker="o",
            markersize=5,
            capsize=2,
        )
        members = numbers([member["mean"] for member in entry.get("members", [])])
        axes.plot(
            members,
            np.full(len(members), heights[name]),
            "o",
            color=colour,
            mfc="none",
            markersize=4,
        )
        if entry["mean"] is not None:
            axes.annotate(
                f"{entry['mean']:.3f}",
                (1.0, heights[name]),
                xycoords=axes.get_yaxis_transform(),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
            )


def tables(content: dict[str, Any]) -> str:
    """Return a table of accuracies with a row per rule, and one of θ's weights of the terms."""
    datasets = content["datasets"]
    marks = compared(datasets, content["reference"])
    first = next(iter(datasets.values()))["methods"]
    rows = []
    for name, entry in first.items():
        cells = []
        for address, data in datasets.items():
            method, mark = data["methods"][name], marks.get((address, name))
            spread = method.get("between_rules")
            between = (
                f" (±{spread['standard_deviation']:.3f} between {spread['n']})" if spread else ""
            )
            cells.append(f"{shown(method)}{between} {mark.mark if mark else ''}".strip())
        rows.append(((HEADINGS[entry["kind"]], entry["title"], *cells), "rule" * (name == "rule")))
    parts = [
        table(
            f"Accuracy after {content['inner_steps']} inner steps",
            ("", "rule", *datasets),
            rows,
        )
    ]
    theta = content["theta"]["rule"].get("term_weights", {})
    if theta:
        terms = list(next(iter(theta.values())))
        weights = [
            ((layer, *(f"{row[term]:.3f}" for term in terms)), "") for layer, row in theta.items()
        ]
        factor = content["theta"]["rule"]["step_factor"]
        caption = (
            "Weights of the terms in θ; the step is multiplied by "
            f"{factor['weights']:.2f}, at most {factor['most']:.2f}"
        )
        parts.append(table(caption, ("layer", *terms), weights))
    return "".join(parts)
