"""Figure of study `meta-training`: the loss and held-out accuracies along a run."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from metaplastic.figures.style import (
    ACCURACY,
    MARKERS,
    OTHERS,
    line,
    new_figure,
    protocol_note,
    rung,
)
from metaplastic.figures.tables import shown, table

REACH = 5  # values before and after that a smoothed value is the mean of


def draw(content: dict[str, Any]) -> Figure:
    """Draw loss and accuracies against the meta-step, on axes that are linear up to the first rule
    of the ladder and logarithmic from there."""
    title = f"{content['title']}: {content['run']}\n{protocol_note(content)}"
    figure = new_figure(10.5, 4.2, title)
    left, right = figure.subplots(1, 2)
    for (objective, step, loss), colour in zip(_losses(content["loss"]), OTHERS, strict=False):
        left.plot(step, loss, color=colour, linewidth=0.7, alpha=0.35)
        smoothed = [loss[max(0, i - REACH) : i + REACH + 1].mean() for i in range(len(loss))]
        left.plot(step, smoothed, color=colour, linewidth=1.6, label=objective or "meta-objective")
    left.legend(fontsize=8, title=f"bold: mean over {2 * REACH + 1} of these values")
    left.set_xlabel(_meta_steps(content))
    left.set_ylabel(_measure(content.get("objective") or "meta-objective"))
    left.set_xscale("symlog", linthresh=first_rung(content))
    left.set_xlim(left=0)
    left.set_title("meta-loss")
    for (address, entry), colour, marker in zip(
        content["datasets"].items(), OTHERS, MARKERS, strict=False
    ):
        curves = [curve for curve in entry["curves"] if curve["meta_steps"] is not None]
        line(
            right,
            [curve["meta_steps"] for curve in curves],
            [curve["summary"][-1] for curve in curves],
            label=address,
            colour=colour,
            marker=marker,
        )
        start = entry["curves"][0]["summary"][0]["mean"]
        right.axhline(start, color=colour, linestyle=":", linewidth=0.9)
    right.set_xscale("symlog", linthresh=first_rung(content))
    right.set_xlim(left=0)
    right.set_xlabel(_meta_steps(content))
    right.set_ylabel(ACCURACY)
    right.set_title(f"held-out data after {content['inner_steps']} inner steps; dotted: before")
    right.legend(fontsize=8, frameon=True, edgecolor="none", framealpha=0.85)
    return figure


def first_rung(content: dict[str, Any]) -> float:
    """Return the smallest positive number of meta-steps of a rule along the run."""
    entry = next(iter(content["datasets"].values()))
    return float(min((c["meta_steps"] for c in entry["curves"] if c["meta_steps"]), default=1))


def _meta_steps(content: dict[str, Any]) -> str:
    return f"meta-step (below {first_rung(content):,.0f} linear, then logarithmic)"


def _losses(loss: dict[str, Any]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Split meta-steps and losses into consecutive segments with the same meta-objective."""
    names = loss.get("objective") or [""] * len(loss["loss"])
    step, value = (np.array(loss[key], float) for key in ("meta_step", "loss"))
    groups = [list(g) for _, g in itertools.groupby(range(len(names)), key=lambda i: names[i])]
    return [(names[group[0]], step[group], value[group]) for group in groups]


def _measure(objective: str) -> str:
    """Name what the objectives measure: once if all measure the same, else one to a line."""
    named = objective.split("; ")
    measures = {text.partition(": ")[2] for text in named}
    return measures.pop() if len(measures) == 1 and "" not in measures else "\n".join(named)


def tables(content: dict[str, Any]) -> str:
    """Return a table of accuracy after the inner loop, with a row per rule along the run."""
    addresses = list(content["datasets"])
    first = content["datasets"][addresses[0]]["curves"]
    rows = [
        (
            (
                rung(first[i]),
                *(shown(content["datasets"][a]["curves"][i]["summary"][-1]) for a in addresses),
            ),
            "",
        )
        for i in range(len(first))
    ]
    head = ("rule after", *addresses)
    return table(f"Accuracy after {content['inner_steps']} inner steps", head, rows)
