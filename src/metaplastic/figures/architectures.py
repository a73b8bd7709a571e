"""Figure of study `architectures`: depth, width and activation."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.figures.style import (
    ACCURACY,
    BLUE,
    GREY,
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
    """Draw depth and width together, as in the paper; then each alone along the inner loop, and
    the activations."""
    title = f"{content['title']}, {content['data']['address']}\n{seeds_note(content)}"
    figure = new_figure(11.0, 8.6, title)
    (together, depth), (width, activation) = figure.subplots(2, 2)
    for axes in (together, depth, width, activation):
        _raw(axes, content["raw"]["mean"], vertical=axes is activation)
    _together(together, content)
    _curves(depth, content["depths"], "layers of weights")
    depth.set_title(f"depth: hidden layers of {content['settings']['depth_units']} units")
    _curves(width, content["widths"], "units")
    width.set_title("width: one hidden layer")
    _ends(activation, content["activations"])
    activation.set_title("activation of the base model")
    return figure


def _together(axes: Axes, content: dict[str, Any]) -> None:
    """Draw one line per depth against the units of every hidden layer, after the last inner step;
    dashed: before the first."""
    grid = content["grid"]
    depths = sorted({curve["value"] for curve in grid})
    for depth, colour, marker in zip(depths, shades(len(depths)), cycle(MARKERS), strict=False):
        curves = [curve for curve in grid if curve["value"] == depth]
        for index, label, style in ((-1, f"{depth} layers", "-"), (0, "", "--")):
            line(
                axes,
                [curve["width"] for curve in curves],
                [curve["summary"][index] for curve in curves],
                label=label,
                colour=colour,
                marker=marker,
                style=style,
            )
    axes.plot([], [], "--", color=GREY, label="random networks")
    widths = sorted({curve["width"] for curve in grid})
    axes.set_xscale("log")
    axes.set_xticks(widths, [f"{width:,}" for width in widths])
    axes.minorticks_off()
    axes.set_xlabel("units of every hidden layer")
    axes.set_ylabel(ACCURACY)
    seeds = len(grid[0]["curve"]) if grid else 0
    axes.set_title(
        f"depth and width together: after {content['horizon']} inner steps, "
        f"{seeds} seed{'s' if seeds != 1 else ''}"
    )
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.35 * (high - low))  # space for the legend
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= 1.0])
    axes.legend(fontsize=7.5, ncols=2, loc="upper center")


def _raw(axes: Axes, mean: float | None, *, vertical: bool = False) -> None:
    """Draw the accuracy of the raw inputs with the same readout."""
    if mean is not None:
        draw_line = axes.axvline if vertical else axes.axhline
        draw_line(mean, color="black", linewidth=0.9, linestyle=":", label="raw inputs")


def _curves(axes: Axes, curves: list[dict[str, Any]], title: str) -> None:
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
    axes.legend(title=title, fontsize=7.5)


def _ends(axes: Axes, curves: list[dict[str, Any]]) -> None:
    positions = np.arange(len(curves))[::-1]
    for index, label, colour, marker in (
        (0, "random network", ORANGE, "v"),
        (-1, "after the last inner step", BLUE, "o"),
    ):
        axes.errorbar(
            numbers([curve["summary"][index]["mean"] for curve in curves]),
            positions,
            xerr=numbers([curve["summary"][index]["standard_error"] for curve in curves]),
            color=colour,
            marker=marker,
            linestyle="",
            capsize=2.5,
            label=label,
        )
    axes.set_yticks(positions, [curve["label"] for curve in curves])
    axes.set_ylim(-1.7, len(curves) - 0.4)  # space for the legend
    axes.set_xlabel(ACCURACY)
    axes.legend(fontsize=7.5, loc="lower right", frameon=True, edgecolor="none", framealpha=1.0)


def tables(content: dict[str, Any]) -> str:
    """Return a table of accuracy before and after the inner loop, with a row per base model."""
    rows = []
    for group in ("depths", "widths", "activations", "grid"):
        for curve in content[group]:
            layers = "-".join(map(str, curve["layers"]))
            first, last = curve["summary"][0], curve["summary"][-1]
            cells = (layers, curve["activation"], str(len(curve["curve"])), shown(first))
            rows.append(((*cells, shown(last)), ""))
    head = ("layers", "activation", "seeds", "random network", "after the last inner step")
    rows.append((("raw inputs", "", str(len(content["seeds"])), "", shown(content["raw"])), ""))
    return table("Base models", head, rows)
