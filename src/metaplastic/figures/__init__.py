"""Figures and tables: each is a function of a results file and nothing else.

A study names the module of its figure (`Study.figure`): a function `draw(content)` and, where there
is something to tabulate, `tables(content)`, which gives HTML.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from metaplastic import files
from metaplastic.errors import DataError
from metaplastic.evaluation.studies import STUDIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(content: dict[str, Any]) -> Figure:
    """The figure of a study's results. Raises `ConfigError` for results of an unknown study."""
    from metaplastic.figures.style import styled

    module = _module(content)
    with styled():
        return module.draw(content)


def html_tables(content: dict[str, Any]) -> str:
    """The tables of a study's results as HTML; empty for one whose figure says it all."""
    make = getattr(_module(content), "tables", None)
    return "" if make is None else make(content)


def _module(content: dict[str, Any]) -> ModuleType:
    return import_module(STUDIES.get(str(content.get("study"))).figure)


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
