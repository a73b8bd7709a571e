"""Critical-difference diagrams: mean ranks of methods over data sets (Demšar, JMLR 7, 2006)."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from metaplastic.evaluation.significance import ALPHA, cliques
from metaplastic.figures.style import BLUE, GREY

STEP = 0.9  # between labels, in units of the vertical axis
BAR = 0.35  # between bars


def draw_ranks(axes: Axes, standing: dict[str, Any]) -> None:
    """Draw mean ranks on a line, with the best rank, 1, on the left; bars connect methods whose
    mean ranks differ by no more than Nemenyi's critical difference."""
    rows = standing["rows"]
    ranks = [row["mean_rank"] for row in rows]
    count, difference = len(rows), standing["critical_difference"]
    bars = cliques(ranks, difference) if difference is not None else []
    half = -(-count // 2)
    first = -(0.6 + BAR * len(bars))
    axes.set_xlim(1 - 0.55 * count, count + 0.55 * count)
    axes.set_ylim(first - STEP * half - 0.3, 2.2)
    axes.hlines(0, 1, count, color="black", linewidth=1)
    for rank in range(1, count + 1):
        axes.vlines(rank, 0, 0.2, color="black", linewidth=0.8)
        axes.text(rank, 0.3, str(rank), ha="center", va="bottom", fontsize=7)
    for index, row in enumerate(rows):
        left = index < half
        depth = first - STEP * (index if left else count - 1 - index)
        _label(axes, row, depth, 0.6 if left else count + 0.4, left)
    for level, members in enumerate(bars):
        y = -BAR * (1 + level)
        low, high = min(ranks[m] for m in members), max(ranks[m] for m in members)
        axes.plot([low, high], [y, y], color=GREY, linewidth=2.5, solid_capstyle="projecting")
    if difference is not None:
        _draw_difference(axes, difference, count)
    axes.set_title(_title(standing), fontsize=9)
    axes.set_axis_off()


def _label(axes: Axes, row: dict[str, Any], depth: float, edge: float, left: bool) -> None:
    """Draw a method's name and the line that leads to its mean rank."""
    rank = row["mean_rank"]
    ours = row["method"].startswith("rule")
    colour = BLUE if ours else "black"
    axes.plot([rank, rank, edge], [0, depth, depth], color=colour, linewidth=0.8)
    axes.text(
        edge + (-0.1 if left else 0.1),
        depth,
        f"{row['title'].partition(';')[0]}  {rank:.2f}",
        ha="right" if left else "left",
        va="center",
        fontsize=7.5,
        color=colour,
        fontweight="bold" if ours else "normal",
    )


def _draw_difference(axes: Axes, difference: float, count: int) -> None:
    """Draw the critical difference as a length on the scale of ranks; as text if it is longer."""
    y = 1.45
    if difference > count - 1:
        text = f"critical difference {difference:.2f}, more than any two ranks can differ"
        axes.text((1 + count) / 2, y, text, ha="center", va="center", fontsize=7)
        return
    ends = 1, 1 + difference
    axes.plot(ends, [y, y], color="black", linewidth=1.2)
    axes.vlines(ends, y - 0.15, y + 0.15, color="black", linewidth=1.2)
    text = f"critical difference {difference:.2f}"
    axes.text(ends[0], y + 0.25, text, ha="left", va="bottom", fontsize=7)


def _title(standing: dict[str, Any]) -> str:
    sets = len(standing["data_sets"])
    title = (
        f"mean rank on the {standing['role']} sets ({sets} data set{'s' if sets != 1 else ''}), "
        "1 is best"
    )
    p = standing.get("friedman_p")
    if p is None or p != p:
        return title
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    differ = "" if p < ALPHA else ", so no difference is shown at all"
    return f"{title}\nFriedman's test: {shown}{differ}"
