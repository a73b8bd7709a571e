"""All results as one self-contained HTML page: a summary, then figures and tables."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from metaplastic import files
from metaplastic.errors import DataError
from metaplastic.evaluation.studies import STUDIES
from metaplastic.figures import draw, html_tables
from metaplastic.figures.pages import render
from metaplastic.figures.style import styled
from metaplastic.figures.summary import summarise
from metaplastic.progress import Progress, silent


def write_report(
    results: Path, out: Path, *, progress: Progress = silent
) -> tuple[Path, list[str]]:
    """Write the report of all results files. Returns its path and the names of the studies in it.

    Raises `DataError` if there are no results or a file is damaged.
    """
    from metaplastic.evaluation.results import read_json

    paths = {name: results / f"{name}.json" for name in STUDIES}
    paths = {name: path for name, path in paths.items() if path.is_file()}
    if not paths:
        raise DataError(f"no results in {results}; run `metaplastic study all` first")
    files.check_writable(out, DataError, parents=True)
    contents, sections = {}, {}
    for done, (name, path) in enumerate(paths.items()):
        progress("drawing studies", done, len(paths), "studies")
        contents[name] = read_json(path)
        sections[name] = _read_section(name, path, contents[name])
    progress("drawing studies", len(paths), len(paths), "studies")
    files.write(out, page(contents, sections).encode(), DataError, parents=True)
    return out, list(sections)


def _read_section(name: str, path: Path, content: dict[str, Any]) -> str:
    """Return a study's section of the page. Raises `DataError` if its results file does not hold
    what the study writes."""
    try:
        if content["study"] != name:
            study = files.show(content["study"])
            raise DataError(f"{path} holds the results of study {study!r}, not {name!r}")
        return _section(name, content)
    except DataError:
        raise
    except Exception:  # drawing damaged numbers can fail in any way
        raise DataError(
            f"{path} is damaged or was written by another version; "
            f"run `metaplastic study {name}` again"
        ) from None


def page(contents: dict[str, dict[str, Any]], sections: dict[str, str]) -> str:
    """Return the page made of the studies' results and sections, both by name."""
    with styled():
        summary = summarise(contents)
    return render(
        "report.html.j2",
        summary={
            "lines": summary.lines,
            "figure": "" if summary.figure is None else _embedded(summary.figure),
            "caption": summary.caption,
            "table": Markup(summary.table),
        },
        sections={name: Markup(section) for name, section in sections.items()},
    )


def _section(name: str, content: dict[str, Any]) -> str:
    rule = content["rule"]
    details = {key: content[key] for key in ("settings", "seeds", "versions", "rule")}
    return render(
        "study.html.j2",
        name=name,
        title=content["title"],
        label=rule["label"],
        caution=(rule.get("caution") or "").removeprefix("its θ was "),
        notes=content.get("notes", ()),
        figure=_embedded(draw(content)),
        tables=Markup(html_tables(content)),
        details=json.dumps(details, indent=1),
    )


def _embedded(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
