"""Generate the gallery: every study's figure from `results/`, with a line from its results."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"
MARK = "<!-- gallery -->"


def fill(app: object, page: str, source: list[str]) -> None:
    """Sphinx `source-read` handler: insert the gallery at the mark."""
    del app
    if page == "gallery":
        source[0] = source[0].replace(MARK, gallery())


def gallery(results: Path = RESULTS) -> str:
    """Return Markdown with one section per study whose numbers and figure exist."""
    from metaplastic.evaluation.studies import STUDIES

    sections = []
    for name in STUDIES:
        for folder in (results, results / f"{name}-first"):
            path = folder / f"{name}.json"
            if path.is_file() and path.with_suffix(".png").is_file():
                sections.append(_section(name, STUDIES[name].__doc__ or "", path))
                break
    return "\n".join(sections)


def _section(name: str, doc: str, path: Path) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    line = " ".join(doc.split("\n\n")[0].split())
    seeds, rule = len(content["seeds"]), content["rule"]["label"]
    measured = f"Rule `{rule}`, {seeds} seed{'s' if seeds > 1 else ''}; `metaplastic study {name}`."
    figure = path.with_suffix(".png")
    lines = [
        f"## {content['title']}\n",
        f"{line} {measured}\n",
        f"```{{image}} ../{figure.relative_to(RESULTS.parent)}",
        f":alt: {content['title']}",
        f":target: _images/{figure.name}",  # so that the figure can be enlarged on a phone
        "```\n",
    ]
    return "\n".join(lines)
