"""`metaplastic report`: all results in one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metaplastic.cli.overwriting import check_not_inputs
from metaplastic.cli.showing import progress, say


def report(
    results: Annotated[Path, typer.Option(help="Folder with the studies' results.")] = Path(
        "results"
    ),
    out: Annotated[
        Path | None, typer.Option(help="HTML file to write; default: RESULTS/report.html.")
    ] = None,
) -> None:
    """Collect the figures and tables of all studies run so far in one self-contained page."""
    from metaplastic.figures.report import write_report

    check_not_inputs([out], others=results.glob("*.json"))
    path, studies = write_report(results, out or results / "report.html", progress=progress())
    say(f"{path}: {', '.join(studies)}")
