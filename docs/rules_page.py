"""Generate the page of shipped rules: each card as in its file, and the measured accuracies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
MARK = "<!-- rules -->"
SHOWN = ("rule", "rule-all", "random", "raw", "raw-logistic", "pca")


def fill(app: object, page: str, source: list[str]) -> None:
    """Sphinx `source-read` handler: insert the rules at the mark."""
    del app
    if page == "rules":
        source[0] = source[0].replace(MARK, rules())


def rules() -> str:
    """Return Markdown with one section per shipped rule."""
    from metaplastic.evaluation.named_rule import named_rule
    from metaplastic.hub import shipped_rules

    sections = []
    for name in shipped_rules():
        parts = [f"## `{name}`", _card(name), f"### Measured accuracy of {name}"]
        parts += _measured(named_rule(name).fingerprint, name)
        sections.append("\n\n".join(parts))
    return "\n\n".join(sections)


def _card(name: str) -> str:
    """Return the card's tables: its page without the front matter, the title and the usage."""
    from metaplastic.hub import rule_page

    text = rule_page(name).split("---", 2)[2]
    text = text.split("\nA meta-trained, neuron-local")[0]
    return "\n".join(line for line in text.splitlines() if not line.startswith("# ")).strip()


def _measured(fingerprint: str, name: str) -> list[str]:
    path = RESULTS / "datasets.json"
    if not path.is_file():
        return ["This checkout holds no results."]
    content = json.loads(path.read_text(encoding="utf-8"))
    which = "this rule file" if content["rule"]["fingerprint"] == fingerprint else "an earlier rule"
    return [
        f"Measured with {which} (`results/datasets.json`): accuracy on the published test split "
        f"with ten labels per class, mean ± standard error over {len(content['seeds'])} seeds. The "
        "[front page](index.md) shows all methods and which differences are significant. † The "
        "rule was meta-trained on other images of these sets.",
        _table(content["datasets"]),
    ]


def _table(datasets: dict[str, Any]) -> str:
    titles = {}
    for entry in datasets.values():
        titles |= {name: m["title"] for name, m in entry["methods"].items() if name in SHOWN}
    lines = [
        "| data set | " + " | ".join(titles.values()) + " |",
        "|---|" + "---:|" * len(titles),
    ]
    for address, entry in datasets.items():
        cells = [_cell(entry["methods"].get(name)) for name in titles]
        seen = " †" if entry["data"].get("meta_trained_on") else ""
        lines.append(f"| {address}{seen} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(method: dict[str, Any] | None) -> str:
    if method is None or method["mean"] is None:
        return "-"
    return f"{method['mean']:.3f} ± {method['standard_error']:.3f}"
