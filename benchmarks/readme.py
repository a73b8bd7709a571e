"""The README's table, from results/datasets.json: `python -m benchmarks.readme`.

The numbers are those of `metaplastic study datasets`; nothing is measured here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
NAMES = {
    "digits": "digits",
    "mnist@14": "MNIST, 14×14",
    "mnist": "MNIST, 28×28",
    "fashion_mnist@14": "Fashion-MNIST, 14×14",
    "fashion_mnist": "Fashion-MNIST, 28×28",
    "cifar10": "CIFAR-10, 32×32",
}


def table(content: dict[str, Any]) -> str:
    """Markdown, a row a method; the best of each column is bold, whoever it is.

    A method that beats the rule on a data set by two standard errors of their paired difference
    is marked ▲ there, one that the rule beats so is marked ▽; † marks a data set another part of
    which the rule was meta-trained on.
    """
    trained = {source.partition("@")[0] for source in content["rule"]["training_data"]}
    shown = {a: content["datasets"][a]["methods"] for a in NAMES if a in content["datasets"]}
    rows = {name: entry["title"] for methods in shown.values() for name, entry in methods.items()}
    lines = [
        "| features | " + " | ".join(_heading(a, trained) for a in shown) + " |",
        "|---|" + "---:|" * len(shown),
    ]
    for name, title in rows.items():
        cells = [_cell(methods, name) for methods in shown.values()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _heading(address: str, trained: set[str]) -> str:
    return NAMES[address] + (" †" if address.partition("@")[0] in trained else "")


def _cell(methods: dict[str, Any], name: str) -> str:
    if name not in methods:
        return "-"
    entry = methods[name]
    best = max(m["mean"] for m in methods.values())
    bold = "**" if entry["mean"] == best else ""
    mark = ""
    if "paired" in entry:  # the rule's accuracy less this one's
        lead, error = entry["paired"]["mean"], entry["paired"]["standard_error"]
        mark = " ▽" if lead > 2 * error else " ▲" if lead < -2 * error else ""
    return f"{bold}{entry['mean']:.3f} ± {entry['standard_error']:.3f}{bold}{mark}"


def main() -> None:
    """Put the table between its marks in README.md."""
    content = json.loads((ROOT / "results" / "datasets.json").read_text())
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{table(content)}\n{END}{after}")


if __name__ == "__main__":
    main()
