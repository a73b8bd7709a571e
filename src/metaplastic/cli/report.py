"""`metaplastic report`: all results as one HTML page that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metaplastic.cli.showing import progress, say


def report(
    results: Annotated[Path, typer.Option(help="Where the studies wrote.")] = Path("results"),
    out: Annotated[
        Path | None, typer.Option(help="The page; left out: report.html among the results.")
    ] = None,
) -> None:
    """Gather figures and tables of every study that was run into one self-contained page."""
    from metaplastic.figures.report import write_report

    path, studies = write_report(results, out or results / "report.html", progress=progress())
    say(f"{path}: {', '.join(studies)}")
