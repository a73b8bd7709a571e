"""Figure of study `labels`: accuracy against labelled examples per class."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from metaplastic.figures.style import ACCURACY, DASHED, METHODS, line, new_figure, seeds_note
from metaplastic.figures.tables import OURS, level, shown, table


def draw(content: dict[str, Any]) -> Figure:
    """Draw one line per method, sorted in the legend by accuracy at 10 labels or the last count."""
    settings = content["settings"]
    layers = "-".join(map(str, (*settings["hidden"], settings["n_features"])))
    figure = new_figure(
        8.6,
        5.0,
        f"{content['title']}, {content['data']['address']}\n"
        f"base model {layers}, {seeds_note(content)}",
    )
    axes = figure.subplots()
    counts, methods = content["labels"], content["methods"]
    index = counts.index(10) if 10 in counts else len(counts) - 1
    order = sorted(methods, key=lambda name: -(methods[name]["summary"][index]["mean"] or 0.0))
    for name in order:
        colour, marker = METHODS.get(name, ("#777777", "."))
        line(
            axes,
            counts,
            methods[name]["summary"],
            label=methods[name]["title"],
            colour=colour,
            marker=marker,
            style="--" if name in DASHED else "-",
        )
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("labelled examples per class")
    axes.set_ylabel(ACCURACY)
    axes.legend(title=f"best at {counts[index]} first", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def tables(content: dict[str, Any]) -> str:
    """Return a table with a row per method and a column per number of labels."""
    counts, methods = content["labels"], content["methods"]
    best = [max(level(m["summary"][i]) for m in methods.values()) for i in range(len(counts))]
    rows = []
    for name, method in methods.items():
        cells = [
            shown(entry) + (" *" if level(entry) == best[i] else "")
            for i, entry in enumerate(method["summary"])
        ]
        rows.append(((method["title"], *cells), "rule" if name in OURS else ""))
    head = ("method", *(f"{count} per class" for count in counts))
    return table("Accuracy by labelled examples per class; * the best of a column", head, rows)
