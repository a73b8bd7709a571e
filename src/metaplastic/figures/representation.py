"""Figure of study `representation`: principal components and the variance they explain."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.figures.style import (
    BLUE,
    ORANGE,
    OTHERS,
    line,
    new_figure,
    seeds_note,
)
from metaplastic.figures.tables import shown, table


def draw(content: dict[str, Any]) -> Figure:
    """Draw one row per data set: inputs, features before and after, variance explained."""
    datasets = content["datasets"]
    labels = content["settings"]["labels_per_class"]
    title = (
        f"{content['title']} ({content['inner_steps']} inner steps)\nscatter plots: first seed; "
        f"accuracy with {labels} labels per class, and right panels: {seeds_note(content)}"
    )
    figure = new_figure(12.5, 0.9 + 3.2 * len(datasets), title)
    axes = figure.subplots(len(datasets), 4, squeeze=False)
    for panels, (address, entry) in zip(axes, datasets.items(), strict=True):
        before, after = entry["stages"]
        after_title = f"after {after['inner_steps']} inner steps"
        for panel, points, heading, summary, units in (
            (panels[0], entry["inputs"], f"{address}: inputs", entry["accuracy_of_inputs"],
             "standardised inputs"),
            (panels[1], before["points"], "random network", before["accuracy_summary"], "features"),
            (panels[2], after["points"], after_title, after["accuracy_summary"], "features"),
        ):  # fmt: skip
            title = f"{heading}\naccuracy {shown(summary)}"
            _scatter(panel, points, entry["labels"], title, units)
        for stage, label, colour, marker in (
            (before, "random network", ORANGE, "v"),
            (after, after_title, BLUE, "o"),
        ):
            count = range(1, len(stage["summary"]) + 1)
            line(panels[3], count, stage["summary"], label=label, colour=colour, marker=marker)
        panels[3].set_xlabel("principal components")
        panels[3].set_ylabel("variance explained (fraction)")
        panels[3].set_ylim(0, 1.03)
        panels[3].legend(fontsize=8, loc="lower right")
    return figure


def tables(content: dict[str, Any]) -> str:
    """Return a table of the accuracy of the inputs and of the features before and after."""
    rows = []
    for address, entry in content["datasets"].items():
        before, after = (shown(stage["accuracy_summary"]) for stage in entry["stages"])
        rows.append(((address, shown(entry["accuracy_of_inputs"]), before, after), ""))
    head = ("data set", "inputs", "random network", f"after {content['inner_steps']} inner steps")
    return table("Accuracy", head, rows)


def _scatter(
    axes: Axes, points: list[list[float]], labels: list[int], title: str, units: str
) -> None:
    """Draw points whose marker (a number) and colour show the class."""
    positions, classes = np.array(points, float), np.array(labels)
    for label in np.unique(classes):
        members = positions[classes == label]
        axes.scatter(
            members[:, 0],
            members[:, 1],
            marker=f"${label}$",
            s=16,
            linewidths=0.3,
            color=OTHERS[int(label) % len(OTHERS)],
        )
    axes.set_title(title)
    axes.set_xlabel(f"first component (units of {units})")
    axes.set_ylabel(f"second component (units of {units})")
