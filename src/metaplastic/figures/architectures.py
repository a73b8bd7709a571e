"""Figure of study `architectures`: depth, width and activation."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.figures.style import (
    ACCURACY,
    BLUE,
    MARKERS,
    ORANGE,
    line,
    new_figure,
    numbers,
    seeds_note,
    shades,
)
from metaplastic.figures.tables import shown, table


def draw(content: dict[str, Any]) -> Figure:
    """Two panels of curves and one of starts and ends."""
    title = f"{content['title']}, {content['data']['address']}\n{seeds_note(content)}"
    figure = new_figure(12.5, 4.4, title)
    depth, width, activation = figure.subplots(1, 3)
    _curves(depth, content["depths"], "layers of weights")
    depth.set_title(f"depth: hidden layers of {content['settings']['depth_units']} units")
    _curves(width, content["widths"], "units")
    width.set_title("width: one hidden layer")
    _ends(activation, content["activations"])
    activation.set_title("activation of the base model")
    return figure


def _curves(axes: Axes, curves: list[dict[str, Any]], what: str) -> None:
    for curve, colour, marker in zip(
        curves, shades(len(curves)), MARKERS * (1 + len(curves) // len(MARKERS)), strict=False
    ):
        line(
            axes,
            curve["points"],
            curve["summary"],
            label=curve["label"],
            colour=colour,
            marker=marker,
        )
    axes.set_xlabel("inner steps (applications of the rule)")
    axes.set_ylabel(ACCURACY)
    axes.legend(title=what, fontsize=7.5)


def _ends(axes: Axes, curves: list[dict[str, Any]]) -> None:
    at = np.arange(len(curves))[::-1]
    for index, label, colour, marker in (
        (0, "random network", ORANGE, "v"),
        (-1, "after the last inner step", BLUE, "o"),
    ):
        axes.errorbar(
            numbers([curve["summary"][index]["mean"] for curve in curves]),
            at,
            xerr=numbers([curve["summary"][index]["standard_error"] for curve in curves]),
            color=colour,
            marker=marker,
            linestyle="",
            capsize=2.5,
            label=label,
        )
    axes.set_yticks(at, [curve["label"] for curve in curves])
    axes.set_ylim(-1.7, len(curves) - 0.4)  # room for the legend
    axes.set_xlabel(ACCURACY)
    axes.legend(fontsize=7.5, loc="lower right")


def tables(content: dict[str, Any]) -> str:
    """A row a base model: accuracy before and after the inner loop."""
    rows = []
    for group in ("depths", "widths", "activations"):
        for curve in content[group]:
            layers = "-".join(map(str, curve["layers"]))
            first, last = curve["summary"][0], curve["summary"][-1]
            cells = (layers, curve["activation"], str(len(curve["curve"])), shown(first))
            rows.append(((*cells, shown(last)), ""))
    head = ("layers", "activation", "seeds", "random network", "after the last inner step")
    return table("Base models", head, rows)
