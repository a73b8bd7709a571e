"""Figures: each is a function of a results file and nothing else. To add one: a file, a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaplastic import files
from metaplastic.errors import DataError, unknown_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN_BY = {
    "datasets": "datasets",
    "domains": "domains",
    "text": "text",
    "architectures": "architectures",
    "filters": "filters",
    "representation": "representation",
    "mismatch": "mismatch",
    "meta-training": "meta_training",
    "labels": "labels",
}


def draw(content: dict[str, Any]) -> Figure:
    """The figure of a study's results. Raises `ConfigError` for results of an unknown study."""
    from importlib import import_module

    from metaplastic.figures.style import styled

    name = str(content.get("study"))
    if name not in DRAWN_BY:
        raise unknown_name("study", name, DRAWN_BY)
    function: Callable[[dict[str, Any]], Figure] = import_module(
        f"metaplastic.figures.{DRAWN_BY[name]}"
    ).draw
    with styled():
        return function(content)


def save_figure(content: dict[str, Any], path: Path) -> Path:
    """Draw a study's results into a PNG (or whatever the path's ending says)."""
    write_figure(draw(content), path, dpi=150)
    return path


def write_figure(figure: Figure, path: Path, *, dpi: int) -> None:
    """Write a figure, all or nothing. Raises `DataError` where that cannot be done."""
    kind = path.suffix.removeprefix(".") or "png"
    files.write(
        path, lambda file: figure.savefig(file, format=kind, dpi=dpi), DataError, parents=True
    )
