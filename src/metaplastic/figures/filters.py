"""Figure of study `filters`: receptive fields as images."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from metaplastic.figures.style import meta_steps, new_figure
from metaplastic.figures.tables import shown, table

HEADINGS = {
    "neighbours": "correlation of neighbouring pixels",
    "radius": "radius, relative to the whole image",
    "components": "effective number of principal components",
}


def draw(content: dict[str, Any]) -> Figure:
    """Draw one row per rule and one column per unit; each field is scaled by its largest weight. On
    the right: the correlation of neighbouring pixels' weights over all units."""
    datasets = content["datasets"]
    rows = sum(len(entry["rows"]) for entry in datasets.values())
    columns = max(len(row["filters"]) for entry in datasets.values() for row in entry["rows"])
    figure = new_figure(3.4 + 0.62 * columns, 1.0 + 0.68 * rows + 0.35 * len(datasets))
    figure.suptitle(
        f"{content['title']}, after {content['inner_steps']:,} inner steps, in the original "
        "input order\n(weights relative to the largest of each field, mid-grey is 0; on the right: "
        "correlation of neighbouring pixels' weights, over all units)",
        fontsize=10,
        wrap=True,
    )
    parts = figure.subfigures(
        len(datasets), 1, squeeze=False, height_ratios=[len(e["rows"]) for e in datasets.values()]
    )
    for part, (address, entry) in zip(np.ravel(parts), datasets.items(), strict=True):
        part.suptitle(address, fontsize=9)
        axes = part.subplots(len(entry["rows"]), columns, squeeze=False)
        for line, row in zip(axes, entry["rows"], strict=True):
            for index, panel in enumerate(line):
                panel.set_xticks([])
                panel.set_yticks([])
                if index < len(row["filters"]):
                    image = as_image(decoded(row["filters"][index]), entry["shape"])
                    panel.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                else:
                    panel.set_axis_off()
            line[0].set_ylabel(_label(row), rotation=0, ha="right", va="center", fontsize=8)
            line[-1].text(
                1.15, 0.5, _local(row), transform=line[-1].transAxes, va="center", fontsize=8
            )
    return figure


def _label(row: dict[str, Any]) -> str:
    if row["meta_steps"] is None:
        return str(row["label"])
    return meta_steps(row["meta_steps"]).replace(" ", "\n")


def _local(row: dict[str, Any]) -> str:
    """Return the correlation of neighbouring pixels' weights; empty if the data are not images."""
    last = row["measures"][-1]
    return shown(last["neighbours"]).replace(" ± ", "\n± ") if last else ""


def tables(content: dict[str, Any]) -> str:
    """Return tables of how local the fields are, with a row per rule and number of inner steps."""
    parts = []
    for address, entry in content["datasets"].items():
        rows = []
        for row in entry["rows"]:
            name = _label(row).replace("\n", " ")
            for point, measures in zip(row["points"], row["measures"], strict=True):
                rows.append(((name, f"{point:,}", *map(shown, measures.values())), ""))
        data = entry["of_the_data"]
        if data:
            rows.append((("the images themselves", "", *map(shown, data.values())), ""))
            head = ("rule after", "inner steps", *(HEADINGS[measure] for measure in data))
            parts.append(table(f"How local the fields are, {address}", head, rows))
    return "".join(parts)


def decoded(field: dict[str, Any]) -> NDArray[np.float64]:
    """Decode weights (d,) from the signed bytes of a results file."""
    levels = np.frombuffer(base64.b64decode(field["int8"]), np.int8)
    return levels.astype(np.float64) * (float(field["largest"]) / 127)


def as_image(
    weights: Sequence[float] | NDArray[np.floating], shape: list[int]
) -> NDArray[np.floating]:
    """Scale a receptive field to an image in 0..1, with zero at 0.5; a vector becomes a strip."""
    field = np.array(weights, float)
    field = field / max(float(np.abs(field).max()), 1e-12)
    return (0.5 + 0.5 * field).reshape(shape if len(shape) in (2, 3) else (1, -1))
