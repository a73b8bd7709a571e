"""`python -m research.curves GROUP.json`: draw short runs' progress against compute, as GROUP.png.

The file is that of `research.short_runs`. Left: the validation accuracy after the longest inner
loop against the minutes that the run took; right: how far meta-gradients of single tasks spread.
Runs that were paused took longer than they computed: their minutes mean nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaplastic import files
from metaplastic.errors import DataError
from metaplastic.figures.style import MARKERS, OTHERS, new_figure, styled


def draw(content: dict[str, Any]) -> Figure:
    """Draw one colour per kind of run, and one line per meta-seed."""
    runs = content["runs"]
    with styled():
        figure = new_figure(9.0, 4.2, f"Short runs of meta-training: {content['group']}")
        progress, spread = figure.subplots(1, 2)
        for (name, seeds), colour, marker in zip(
            runs.items(), OTHERS[: len(runs)], MARKERS[: len(runs)], strict=True
        ):
            for number, run in enumerate(seeds.values()):
                label = name if number == 0 else None
                x, y = progress_of(run)
                progress.plot(x, y, color=colour, marker=marker, label=label)
        _spread(spread, runs)
        progress.set_xlabel("minutes")
        progress.set_ylabel("validation accuracy")
        progress.legend()
    return figure


def progress_of(run: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Return minutes and validation accuracies after the longest inner loop measured."""
    minutes, accuracies = [], []
    for point in run["curve"]:
        longest = max(point["validation_accuracy"], key=float)
        minutes.append(point["seconds"] / 60)
        accuracies.append(point["validation_accuracy"][longest])
    return minutes, accuracies


def _spread(axes: Axes, runs: dict[str, Any]) -> None:
    ratios = [
        [run["gradient_norm_95"] / run["gradient_norm_median"] for run in seeds.values()]
        for seeds in runs.values()
    ]
    for position, values in enumerate(ratios):
        axes.plot(np.full(len(values), position), values, "o", color=OTHERS[position])
    axes.set_xticks(range(len(runs)), list(runs), rotation=20)
    axes.set_ylabel("gradient norm, 95th percentile / median")
    axes.set_ylim(0, 1.1 * max(map(max, ratios)))


def main() -> None:
    """Draw the figure of a group."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("summary", type=Path)
    args = parser.parse_args()
    path = args.summary.with_suffix(".png")
    draw(files.read_json(args.summary, DataError)).savefig(path)
    print(path)


if __name__ == "__main__":
    main()
