"""Figure of study `text`: accuracy along the inner loop, a line a rung of the ladder."""

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
    """Rules that saw images alone are solid lines, others dashed; rivals are horizontal lines,
    with their names at the right."""
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
            style="--" if _saw_others(curve) else "-",
        )
    far = max(max(curve["points"]) for curve in curves)
    _baselines(axes, content["rivals"], far)
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


def _saw_others(curve: dict[str, Any]) -> bool:
    """Whether the rule was meta-trained on more than images; files of before do not say."""
    return bool(curve.get("training_data")) and not curve["images_alone"]


def _label(curve: dict[str, Any]) -> str:
    if not curve.get("training_data"):
        return rung(curve)
    return f"{rung(curve)}, {'not images alone' if _saw_others(curve) else 'images alone'}"


def _baselines(axes: Axes, methods: dict[str, Any], far: float) -> None:
    """Names beside the lines, moved apart where lines lie close."""
    low, high = axes.get_ylim()
    known = sorted((r["mean"], name) for name, r in methods.items() if r["mean"] is not None)
    values = [mean for mean, _ in known]
    low, high = min([low, *values]) - 0.005, max([high, *values]) + 0.005
    axes.set_ylim(low, high)
    gap, place = (high - low) * 0.042, low - 1
    for mean, name in known:
        colour, _ = METHODS.get(name, ("#777777", "o"))
        style = "--" if name in DASHED else "-"
        axes.axhline(mean, color=colour, linewidth=0.9, linestyle=style, alpha=0.8)
        place = max(mean, place + gap)
        axes.annotate(
            f"{methods[name]['title']} {mean:.3f} ± {methods[name]['standard_error']:.3f}",
            xy=(far * 1.045, mean),
            xytext=(far * 1.09, place),
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
    """Accuracy along the inner loop for every rule of the ladder, and the baselines."""
    ladder = content["curves"]
    curves = _along(
        ladder,
        "summary",
        "The learned rule: accuracy along the inner loop, by the length of its meta-training",
    )
    if "gain" in ladder[0]:
        curves += _along(
            ladder, "gain", "What it gains on the random network that it begins from, seed by seed"
        )
    baselines = table(
        "Rivals",
        ("method", "accuracy", "chosen by the search (else defaults)"),
        [
            ((method["title"], shown(method), chosen(method)), row)
            for _, method, row in ranked(content["rivals"])
        ],
    )
    return curves + (baselines if content["rivals"] else "")


def _along(ladder: list[dict[str, Any]], key: str, caption: str) -> str:
    """A row a number of inner steps, a column a rule."""
    rows = [
        ((f"{point:,}", *(shown(c[key][i], sign=key == "gain") for c in ladder)), "rule")
        for i, point in enumerate(ladder[0]["points"])
    ]
    return table(caption, ("inner steps", *map(_label, ladder)), rows)
