"""All results as one HTML page: figures inside it, tables that say who wins, no network."""

from __future__ import annotations

import base64
import io
import json
from html import escape
from pathlib import Path
from typing import Any

from metaplastic import files
from metaplastic.errors import DataError
from metaplastic.evaluation.studies import STUDIES
from metaplastic.figures import draw, html_tables
from metaplastic.progress import Progress, silent

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem;
       color: #1b1b1b; background: #fff; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.6rem; border-bottom: 1px solid #ccc; }
nav a { margin-right: 1rem; } img { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { white-space: nowrap; padding: .25rem .7rem; border-bottom: 1px solid #ddd; }
th, td { text-align: right; }
th:first-child, td:first-child { text-align: left; }
tr.rule { background: #e6f1f8; } tr.best td:first-child::after { content: " \\2190 best"; }
.wide { overflow-x: auto; } .note { color: #555; } details { margin: .6rem 0; }
pre { background: #f6f6f6; padding: .7rem; overflow-x: auto; font-size: 12px; }
"""


def write_report(
    results: Path, out: Path, *, progress: Progress = silent
) -> tuple[Path, list[str]]:
    """Gather every study's results file. Returns the page and the names of the studies in it.

    Raises `DataError` where there are no results, or damaged ones.
    """
    from metaplastic.evaluation.results import read_json

    paths = {name: results / f"{name}.json" for name in STUDIES}
    paths = {name: path for name, path in paths.items() if path.is_file()}
    if not paths:
        raise DataError(f"no results in {results}; run `metaplastic study all` first")
    files.check_writable(out, DataError, parents=True)
    sections = {}
    for done, (name, path) in enumerate(paths.items()):
        progress("drawing studies", done, len(paths), "studies")
        sections[name] = _read_section(name, path, read_json(path))
    files.write(out, page(sections).encode(), DataError, parents=True)
    return out, list(sections)


def _read_section(name: str, path: Path, content: dict[str, Any]) -> str:
    """A study's part of the page. Raises `DataError` where its results file does not hold what
    the study writes."""
    try:
        if content["study"] != name:
            found = files.show(content["study"])
            raise DataError(f"{path} holds the results of study {found!r}, not {name!r}")
        return _section(name, content)
    except DataError:
        raise
    except Exception:  # what drawing makes of damaged numbers cannot be listed
        raise DataError(
            f"{path} is damaged or was written by another version; "
            f"run `metaplastic study {name}` again"
        ) from None


def page(found: dict[str, str]) -> str:
    """The page of the studies' sections, by name."""
    links = " ".join(f'<a href="#{n}">{escape(n)}</a>' for n in found)
    sections = "\n".join(found.values())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>metaplastic: results</title><style>{STYLE}</style></head><body>"
        "<h1>metaplastic: results</h1>"
        '<p class="note">Every figure is drawn from the numbers of its study alone. Error bars and '
        "± are standard errors over seeds; a difference is taken seed by seed.</p>"
        f"<nav>{links}</nav>\n{sections}\n</body></html>\n"
    )


def _section(name: str, content: dict[str, Any]) -> str:
    rule = content["rule"]
    caution = f" It was {escape(_lower(rule['caution']))}." if rule.get("caution") else ""
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in content.get("notes", ()))
    details = {key: content[key] for key in ("settings", "seeds", "versions", "rule")}
    return (
        f'<h2 id="{name}">{escape(content["title"])}</h2>'
        f"<p>Rule: <b>{escape(str(rule['label']))}</b>.{caution}</p>{notes}"
        f'<img alt="{escape(content["title"])}" src="{_embedded(content)}">'
        f'<div class="wide">{html_tables(content)}</div>'
        f"<details><summary>settings, seeds, versions</summary><pre>"
        f"{escape(json.dumps(details, indent=1))}</pre></details>"
    )


def _lower(caution: str) -> str:
    return caution.removeprefix("its θ was ")


def _embedded(content: dict[str, Any]) -> str:
    file = io.BytesIO()
    draw(content).savefig(file, format="png", dpi=130)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
