"""Figures and tables, each a function of a results file only.

A study names the module of its figure (`Study.figure`), with a function `draw(content)` and
optionally `tables(content)`, which returns HTML.
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
    """Draw the figure of a study's results. Raises `ConfigError` for an unknown study."""
    from metaplastic.figures.style import styled

    module = _module(content)
    with styled():
        return module.draw(content)


def html_tables(content: dict[str, Any]) -> str:
    """Return the tables of a study's results as HTML; empty if the study has no tables."""
    tables = getattr(_module(content), "tables", None)
    return "" if tables is None else tables(content)


def _module(content: dict[str, Any]) -> ModuleType:
    return import_module(STUDIES.get(str(content.get("study"))).figure)


def save_figure(content: dict[str, Any], path: Path) -> Path:
    """Draw a study's results into a file, in the format of the path's suffix."""
    write_figure(draw(content), path, dpi=150)
    return path


def write_figure(figure: Figure, path: Path, *, dpi: int) -> None:
    """Write a figure atomically. Raises `DataError` if the file cannot be written."""
    kind = path.suffix.removeprefix(".") or "png"
    files.write(
        path, lambda file: figure.savefig(file, format=kind, dpi=dpi), DataError, parents=True
    )
