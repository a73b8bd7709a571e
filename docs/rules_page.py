"""The page of shipped rules: each card as its file holds it, and what was measured with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
MARK = "<!-- rules -->"
BESIDE = ("rule", "rule-all", "random", "raw", "raw-logistic", "pca")


def fill(app: object, page: str, source: list[str]) -> None:
    """Sphinx's `source-read`: put the rules in their place."""
    del app
    if page == "rules":
        source[0] = source[0].replace(MARK, rules())


def rules() -> str:
    """Markdown: a section for every rule that the package ships."""
    from metaplastic.evaluation.named_rule import named_rule
    from metaplastic.hub import shipped_rules

    sections = []
    for name in shipped_rules():
        found = named_rule(name)
        parts = [f"## `{name}`", _card(name), f"### What {name} was measured to do"]
        parts += _measured(found.fingerprint, name)
        sections.append("\n\n".join(parts))
    return "\n\n".join(sections)


def _card(name: str) -> str:
    """The card's tables: its page without the front matter, the title and how to use it."""
    from metaplastic.hub import rule_page

    text = rule_page(name).split("---", 2)[2]
    text = text.split("\nA meta-trained, neuron-local")[0]
    return "\n".join(line for line in text.splitlines() if not line.startswith("# ")).strip()


def _measured(fingerprint: str, name: str) -> list[str]:
    path = RESULTS / "datasets.json"
    if not path.is_file():
        return ["No results are kept in this checkout."]
    content = json.loads(path.read_text(encoding="utf-8"))
    which = "this rule file" if content["rule"]["fingerprint"] == fingerprint else "an earlier rule"
    return [
        f"Measured with {which} (`results/datasets.json`): accuracy on the published test split "
        f"with ten labels per class, mean ± standard error over {len(content['seeds'])} seeds. All "
        "methods and which differences are more than chance: [front page](index.md). † It was "
        "meta-trained on other images of these sets.",
        _table(content["datasets"]),
    ]


def _table(datasets: dict[str, Any]) -> str:
    titles = {}
    for found in datasets.values():
        titles |= {name: m["title"] for name, m in found["methods"].items() if name in BESIDE}
    lines = [
        "| data set | " + " | ".join(titles.values()) + " |",
        "|---|" + "---:|" * len(titles),
    ]
    for address, found in datasets.items():
        cells = [_cell(found["methods"].get(name)) for name in titles]
        seen = " †" if found["data"].get("meta_trained_on") else ""
        lines.append(f"| {address}{seen} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(method: dict[str, Any] | None) -> str:
    if method is None or method["mean"] is None:
        return "-"
    return f"{method['mean']:.3f} ± {method['standard_error']:.3f}"
