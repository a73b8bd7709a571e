"""Figure of study `domains`: critical-difference diagrams, and differences on each set."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.figures.rank_diagram import draw_ranks
from metaplastic.figures.style import METHODS, OTHERS, VERMILION, new_figure
from metaplastic.figures.tables import OURS, table

COMPARED = ("raw", "pca", "umap", "random-all")  # methods of the differences, if measured


def draw(content: dict[str, Any]) -> Figure:
    """Draw a diagram for each role, and below the reference minus other methods on each set."""
    standings = shown_standings(content)
    first = standings[0]
    title = (
        f"{content['title']}\n{first['labels']} labels per class, {first['readout']} readout, "
        f"{len(content['seeds'])} seeds"
    )
    methods = len(first["rows"])
    sets = sum(
        len(standing["data_sets"]) + len(standing["without_a_number"]) for standing in standings
    )
    above = 1.3 + 0.17 * methods
    below = 1.6 + 0.2 * sets
    figure = new_figure(10.5, 0.8 + above * len(standings) + below, title)
    parts = figure.subfigures(
        len(standings) + 1, 1, squeeze=False, height_ratios=[above] * len(standings) + [below]
    )
    for part, standing in zip(parts.flat, standings, strict=False):
        draw_ranks(part.subplots(), standing)
    _differences(parts.flat[-1].subplots(), standings)
    return figure


def shown_standings(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the standings that are drawn, one per role: those of the first readout at the study's
    `labels_per_class`, or else the nearest smaller or larger count. Raises `KeyError` if there
    are none."""
    features = [t for t in content["standings"] if t["readout"] != "classifiers"]
    if not features:
        raise KeyError("standings")
    readout = features[0]["readout"]
    matching = [t for t in features if t["readout"] == readout]
    target = content["settings"]["labels_per_class"]
    counts = sorted({t["labels"] for t in matching}, key=lambda c: (c > target, abs(c - target)))
    return [t for t in matching if t["labels"] == counts[0]]


def _differences(axes: Axes, standings: list[dict[str, Any]]) -> None:
    """Draw one row per set and one marker per method, filled if the difference is significant."""
    reference = next(
        row["title"].partition(";")[0]
        for row in standings[0]["rows"]
        if row["method"] == standings[0]["reference"]["method"]
    )
    methods = {row["method"]: row for row in standings[0]["rows"] if "paired" in row}
    named = [name for name in COMPARED if name in methods] or list(methods)[:4]
    names: list[str] = []
    for standing in standings:
        rows = {row["method"]: row for row in standing["rows"]}
        base = rows[named[0]]["paired"]
        order = sorted(base, key=lambda name: base[name]["difference"] or 0.0)
        for index, method in enumerate(named):
            colour, marker = METHODS.get(method, (OTHERS[index % len(OTHERS)], "o"))
            label = rows[method]["title"].partition(";")[0] if standing is standings[0] else None
            for row_index, name in enumerate(order):
                comparison = rows[method]["paired"][name]
                axes.plot(
                    np.nan if comparison["difference"] is None else comparison["difference"],
                    len(names) + row_index,
                    marker=marker,
                    color=colour,
                    markerfacecolor="none" if comparison["verdict"] == "tie" else colour,
                    linestyle="",
                    markersize=5,
                    label=label if row_index == 0 else None,
                )
        names += [f"{name} ({standing['role']})" for name in order]
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(-0.03, color=VERMILION, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_xlabel(f"accuracy: {reference}, minus the method (filled: p < 0.05 after Holm)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(named), fontsize=7.5)


def tables(content: dict[str, Any]) -> str:
    """Return one table per standing, with ranks, wins, ties and losses."""
    parts = []
    for standing in content["standings"]:
        rows = [
            (
                (
                    row["title"],
                    f"{row['mean_rank']:.2f}",
                    "" if row["mean_accuracy"] is None else f"{row['mean_accuracy']:.3f}",
                    "" if "wins" not in row else f"{row['wins']} / {row['ties']} / {row['losses']}",
                    "" if "wins" not in row else f"{row['far_above']} / {row['far_below']}",
                    f"{content['sets_seconds'][row['method']]:.1f}",
                ),
                "rule" if row["method"] in OURS else "",
            )
            for row in standing["rows"]
        ]
        cd = standing["critical_difference"]
        caption = (
            f"{standing['role']} sets, {standing['labels']} labels per class, "
            f"{standing['readout']}: {len(standing['data_sets'])} data sets"
            + ("" if cd is None else f", critical difference {cd:.2f}")
        )
        head = ("method", "mean rank", "mean accuracy", "wins / ties / losses of the rule")
        head += ("rule more than 0.03 above / below", "processor seconds to fit")
        parts.append(table(caption, head, rows))
    return "".join(parts)
