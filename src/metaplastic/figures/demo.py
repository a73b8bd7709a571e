"""The demo's figure: first-layer filters and an embedding, before and after the inner loop."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from metaplastic.evaluation.results import with_error
from metaplastic.figures.filters import as_image
from metaplastic.figures.style import new_figure

COLUMNS = 8


def draw(content: dict[str, Any]) -> Figure:
    """Draw two columns, before and after: filters at the top, embedded test digits below."""
    pictures = content["pictures"]
    labels = np.array(pictures["labels"])
    figure = new_figure(9.0, 7.4)
    accuracy = content["methods"]["rule"]["curve_summary"]
    parts = figure.subfigures(1, 2, squeeze=False, wspace=0.04)
    for part, moment, summary in zip(
        parts.flat, pictures["moments"], (accuracy[0], accuracy[-1]), strict=True
    ):
        steps = moment["inner_steps"]
        stage = "before (random network)" if steps == 0 else f"after {steps} unlabelled minibatches"
        part.suptitle(
            f"{stage}\n10-shot accuracy {with_error(summary)}",
            fontsize=11,
        )
        above, below = part.subfigures(2, 1, height_ratios=(1, 2.1))
        filters = moment["filters"]
        panels = above.subplots(-(-len(filters) // COLUMNS), COLUMNS, squeeze=False)
        for panel, weights in zip(panels.flat, filters, strict=False):
            panel.imshow(as_image(weights, pictures["shape"]), cmap="gray", vmin=0, vmax=1)
        for panel in panels.flat:
            panel.set_axis_off()
        above.supylabel("first-layer filters", fontsize=9)
        axes = below.subplots()
        points = np.array(moment["embedding"])
        colours = mpl.colormaps["tab10"]
        for digit in np.unique(labels):
            cluster = points[labels == digit]
            axes.scatter(*cluster.T, s=7, color=colours(int(digit)), linewidths=0)
            axes.annotate(
                str(digit),
                np.median(cluster, axis=0),
                fontsize=13,
                fontweight="bold",
                ha="center",
                va="center",
                bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "ec": colours(int(digit))},
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel("features of test digits, embedded by t-SNE (no units)")
    return figure
