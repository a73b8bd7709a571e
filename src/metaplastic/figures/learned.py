"""Figure of study `learned`: how far meta-training goes, and what each part is worth."""

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
    "switched off": "the rule, switched off",
    "given": "meta-trained anew",
}
COLOURS = {"meta-training": BLUE, "switched off": VERMILION, "given": GREY}
GAP = 1.4  # rows' heights between two kinds


def draw(content: dict[str, Any]) -> Figure:
    """A panel a data set, a row a rule: means with standard errors, the rule's as a line; rules
    that make up a row as small rings."""
    found = content["datasets"]
    first = next(iter(found.values()))["methods"]
    at = _rows(first)
    title = (
        f"{content['title']}: accuracy after {content['inner_steps']} inner steps\n"
        f"{protocol_note(content)}"
    )
    height = 1.6 + 0.21 * (max(at.values()) - min(at.values()) + 1)
    figure = new_figure(4.2 + 2.3 * len(found), height, title)
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (address, entry) in zip(panels, found.items(), strict=True):
        _panel(axes, entry["methods"], at, content["reference"])
        axes.set_title(address)
        axes.set_xlabel(ACCURACY)
    panels[0].set_yticks(list(at.values()), [first[name]["title"] for name in at])
    for tick, name in zip(panels[0].get_yticklabels(), at, strict=True):
        tick.set_fontweight("bold" if name == content["reference"] else "normal")
    for kind, y in _headings(first, at).items():
        panels[0].text(
            -0.03, y, HEADINGS[kind], transform=panels[0].get_yaxis_transform(), ha="right",
            va="center", style="italic", color=COLOURS[kind], fontsize=8.5,
        )  # fmt: skip
    panels[0].set_ylim(min(at.values()) - 0.8, max(_headings(first, at).values()) + 0.6)
    return figure


def _rows(methods: dict[str, Any]) -> dict[str, float]:
    """The height of each row: in the results' order, kinds apart."""
    at, y, before = {}, 0.0, None
    for name, entry in methods.items():
        y -= GAP + 1 if before not in (None, entry["kind"]) else 1
        at[name], before = y, entry["kind"]
    return at


def _headings(methods: dict[str, Any], at: dict[str, float]) -> dict[str, float]:
    highest: dict[str, float] = {}
    for name, entry in methods.items():
        highest.setdefault(entry["kind"], at[name] + 1.0)
    return highest


def _panel(axes: Axes, methods: dict[str, Any], at: dict[str, float], reference: str) -> None:
    line = methods[reference]["mean"]
    if line is not None:
        axes.axvline(line, color=BLUE, linewidth=0.9, linestyle=":")
    for name, entry in methods.items():
        colour = ORANGE if name == "random" else COLOURS[entry["kind"]]
        axes.errorbar(
            numbers([entry["mean"]]),
            [at[name]],
            xerr=numbers([entry["standard_error"]]),
            color=colour,
            marker="o",
            markersize=5,
            capsize=2,
        )
        each = numbers([member["mean"] for member in entry.get("members", [])])
        axes.plot(each, np.full(len(each), at[name]), "o", color=colour, mfc="none", markersize=4)
        if entry["mean"] is not None:
            axes.annotate(
                f"{entry['mean']:.3f}",
                (1.0, at[name]),
                xycoords=axes.get_yaxis_transform(),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
            )


def tables(content: dict[str, Any]) -> str:
    """Accuracies, a row a rule; what the rule has above each; θ's weights of the terms."""
    found = content["datasets"]
    marks = compared(found, content["reference"])
    first = next(iter(found.values()))["methods"]
    rows = []
    for name, entry in first.items():
        cells = []
        for address, data in found.items():
            method, mark = data["methods"][name], marks.get((address, name))
            spread = method.get("between_rules")
            more = f" (±{spread['standard_deviation']:.3f} between {spread['n']})" if spread else ""
            cells.append(f"{shown(method)}{more} {mark.mark if mark else ''}".strip())
        rows.append(((HEADINGS[entry["kind"]], entry["title"], *cells), "rule" * (name == "rule")))
    parts = [
        table(
            f"Accuracy after {content['inner_steps']} inner steps",
            ("", "rule", *found),
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
            "What θ weighs the terms with; its step is multiplied by "
            f"{factor['weights']:.2f}, at most {factor['most']:.2f}"
        )
        parts.append(table(caption, ("layer", *terms), weights))
    return "".join(parts)
