"""The common style of figures: a palette safe for colour-blind readers, fonts, error bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Okabe and Ito (2008), https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
GREY = "#777777"

METHODS: dict[str, tuple[str, str]] = {  # colour and marker
    "rule": (BLUE, "o"),
    "rule-all": (BLUE, "s"),
    "rule-averaged": (BLUE, "D"),
    "random": (GREY, "v"),
    "random-all": (GREY, "^"),
    "random-averaged": (GREY, "D"),
    "raw": (BLACK, "s"),
    "raw-logistic": (BLACK, "d"),
    "random-forest": (GREEN, "h"),
    "supervised": (VERMILION, "D"),
    "label-spreading": (PURPLE, "v"),
    "self-training": (BLACK, "P"),
    "neighbour-mean": (ORANGE, "X"),
    "vae": (ORANGE, "^"),
    "dae": (GREEN, "P"),
    "pca": (SKY, "<"),
    "pca-own": (SKY, "^"),
    "pca-white": (SKY, ">"),
    "spectral": (YELLOW, "o"),
    "spectral-own": (YELLOW, "s"),
    "umap": (VERMILION, "o"),
    "umap-own": (VERMILION, "s"),
    "kmeans": (PURPLE, "X"),
    "kmeans-512": (PURPLE, "p"),
    "rbm": (GREY, "*"),
    "hebbian": (ORANGE, "h"),
}
# drawn dashed, as each shares its colour with another method
DASHED = frozenset(
    {
        "rule-all",
        "random-all",
        "random-averaged",
        "raw-logistic",
        "random-forest",
        "label-spreading",
        "self-training",
        "neighbour-mean",
        "pca-own",
        "pca-white",
        "spectral-own",
        "umap",
        "umap-own",
        "kmeans-512",
        "rbm",
        "hebbian",
    }
)
OTHERS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
MARKERS = ("o", "s", "^", "D", "P", "X", "v", "h")
ACCURACY = "test accuracy (fraction)"


@contextmanager
def styled() -> Iterator[None]:
    """Apply matplotlib's settings for a figure, and restore the caller's afterwards."""
    settings: dict[Any, Any] = {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
        "savefig.facecolor": "white",
    }
    with mpl.rc_context(settings):
        yield


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Make a figure of that size in inches, independent of pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # padding in inches: bold labels are slightly wider than the layout assumes
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.1))
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=11, wrap=True)
    return figure


def numbers(values: Sequence[float | None]) -> np.ndarray:
    """Convert numbers of a results file, with null as NaN."""
    return np.array([np.nan if value is None else value for value in values], float)


def line(
    axes: Axes,
    x: Sequence[float],
    summary: Sequence[dict[str, Any]],
    *,
    label: str,
    colour: Any,
    marker: str = "o",
    style: str = "-",
) -> None:
    """Draw a line of means with standard errors as error bars."""
    mean = numbers([entry["mean"] for entry in summary])
    error = numbers([entry["standard_error"] for entry in summary])
    axes.errorbar(
        x,
        mean,
        yerr=error,
        label=label,
        color=colour,
        marker=marker,
        markersize=4,
        linestyle=style,
        linewidth=1.3,
        capsize=2,
        elinewidth=0.9,
    )


def shades(count: int) -> list[Any]:
    """Return colours from light to dark for ordered items, safe for colour-blind readers."""
    return [mpl.colormaps["cividis_r"](value) for value in np.linspace(0.15, 1.0, max(count, 1))]


def rung(curve: dict[str, Any]) -> str:
    """Return the name of a rule along a run for a legend."""
    steps = curve.get("meta_steps")
    return str(curve["label"]) if steps is None else meta_steps(steps)


def meta_steps(count: int) -> str:
    """Return a number of meta-steps in words."""
    return f"{count:,} meta-step{'s' if count != 1 else ''}"


def seeds_note(content: dict[str, Any]) -> str:
    """Describe the error bars, of which there are none with one seed."""
    count = len(content["seeds"])
    return "one seed" if count == 1 else f"mean ± standard error over {count} seeds"


def protocol_note(content: dict[str, Any]) -> str:
    """Describe labels, base model and seeds in one line; `base_model` of the results overrides."""
    settings = content["settings"]
    layers = "-".join(map(str, (*settings["hidden"], settings["n_features"])))
    model = content.get("base_model", f"base model {layers}")
    return f"{settings['labels_per_class']} labels per class, {model}, {seeds_note(content)}"
