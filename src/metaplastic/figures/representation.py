"""Figure of study `representation`: principal components, and how much they explain."""

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


def draw(content: dict[str, Any]) -> Figure:
    """A row a data set: inputs, features before, features after, variance explained."""
    found = content["datasets"]
    title = f"{content['title']} ({content['inner_steps']} inner steps)\nclouds: first seed; "
    figure = new_figure(12.5, 0.9 + 3.1 * len(found), title + f"right: {seeds_note(content)}")
    axes = figure.subplots(len(found), 4, squeeze=False)
    for panels, (address, entry) in zip(axes, found.items(), strict=True):
        before, after = entry["stages"]
        _cloud(
            panels[0], entry["inputs"], entry["labels"], f"{address}: inputs", "standardised inputs"
        )
        _cloud(panels[1], before["points"], entry["labels"], "random network", "features")
        after_title = f"after {after['inner_steps']} inner steps"
        _cloud(panels[2], after["points"], entry["labels"], after_title, "features")
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


def _cloud(
    axes: Axes, points: list[list[float]], labels: list[int], title: str, units: str
) -> None:
    """The class is the marker (its number) as well as the colour."""
    place, classes = np.array(points, float), np.array(labels)
    for label in np.unique(classes):
        chosen = place[classes == label]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            marker=f"${label}$",
            s=16,
            linewidths=0.3,
            color=OTHERS[int(label) % len(OTHERS)],
        )
    axes.set_title(title)
    axes.set_xlabel(f"first component (units of {units})")
    axes.set_ylabel(f"second component (units of {units})")
