"""Figure of study `text`: accuracy along the inner loop, one line per rule along the run."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic.figures.style import (
    ACCURACY,
    DASHED,
    MARKERS,
    METHODS,
    line,
    new_figure,
    protocol_note,
    rung,
    shades,
)
from metaplastic.figures.tables import chosen, ranked, shown, table


def draw(content: dict[str, Any]) -> Figure:
    """Draw rules meta-trained on images only as solid lines, others dashed; baselines are
    horizontal lines, with their names on the right."""
    figure = new_figure(9.0, 5.8, f"{content['title']}\n{protocol_note(content)}")
    axes = figure.subplots()
    curves = content["curves"]
    for index, (curve, colour) in enumerate(zip(curves, shades(len(curves)), strict=True)):
        line(
            axes,
            curve["points"],
            curve["summary"],
            label=_label(curve),
            colour=colour,
            marker=MARKERS[index % len(MARKERS)],
            style="--" if _more_than_images(curve) else "-",
        )
    last_step = max(max(curve["points"]) for curve in curves)
    _baselines(axes, content["rivals"], last_step)
    axes.axvline(content["horizon"], color="black", linewidth=0.8, linestyle=":")
    axes.annotate(
        "horizon of meta-training",
        (content["horizon"], 1.01),
        xycoords=("data", "axes fraction"),
        ha="center",
        fontsize=7.5,
    )
    axes.set_xlabel("inner steps (applications of the rule)")
    axes.set_ylabel(ACCURACY)
    figure.legend(
        *axes.get_legend_handles_labels(),
        title="learned rule after",
        loc="outside lower center",
        ncols=min(len(curves), 3),
        fontsize=8,
    )
    return figure


def _more_than_images(curve: dict[str, Any]) -> bool:
    """Return whether the rule was meta-trained on more than images; older files do not say."""
    return bool(curve.get("training_data")) and not curve["images_alone"]


def _label(curve: dict[str, Any]) -> str:
    if not curve.get("training_data"):
        return rung(curve)
    return f"{rung(curve)}, {'not only images' if _more_than_images(curve) else 'images only'}"


def _baselines(axes: Axes, methods: dict[str, Any], last_step: float) -> None:
    """Draw the baselines' lines and names; names are moved apart if lines are close."""
    low, high = axes.get_ylim()
    measured = sorted(
        (method["mean"], name) for name, method in methods.items() if method["mean"] is not None
    )
    values = [mean for mean, _ in measured]
    low, high = min([low, *values]) - 0.005, max([high, *values]) + 0.005
    axes.set_ylim(low, high)
    gap, height = (high - low) * 0.042, low - 1
    for mean, name in measured:
        colour, _ = METHODS.get(name, ("#777777", "o"))
        style = "--" if name in DASHED else "-"
        axes.axhline(mean, color=colour, linewidth=0.9, linestyle=style, alpha=0.8)
        height = max(mean, height + gap)
        axes.annotate(
            f"{methods[name]['title']} {shown(methods[name])}",
            xy=(last_step * 1.045, mean),
            xytext=(last_step * 1.09, height),
            fontsize=7.5,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.9,
                "relpos": (0.0, 0.5),
                "shrinkA": 2,
            },
        )


def tables(content: dict[str, Any]) -> str:
    """Return tables of accuracy along the inner loop for every rule, and of the baselines."""
    ladder = content["curves"]
    curves = _along(
        ladder,
        "summary",
        "The learned rule: accuracy along the inner loop, by the amount of meta-training",
    )
    if "gain" in ladder[0]:
        curves += _along(
            ladder, "gain", "Gain over the random network that it starts from, paired by seed"
        )
    baselines = table(
        "Baselines",
        ("method", "accuracy", "chosen by the search (else defaults)"),
        [
            ((method["title"], shown(method), chosen(method)), row)
            for _, method, row in ranked(content["rivals"])
        ],
    )
    return curves + (baselines if content["rivals"] else "")


def _along(ladder: list[dict[str, Any]], key: str, caption: str) -> str:
    """Return a table with a row per number of inner steps and a column per rule."""
    rows = [
        ((f"{point:,}", *(shown(c[key][i], sign=key == "gain") for c in ladder)), "rule")
        for i, point in enumerate(ladder[0]["points"])
    ]
    return table(caption, ("inner steps", *map(_label, ladder)), rows)
