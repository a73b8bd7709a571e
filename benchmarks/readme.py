"""The README's table: `python -m benchmarks.readme [--data-dir DIR]`.

Evaluates the shipped rule beside its rivals, writes results/readme-NAME.json, and puts the table
into README.md between its marks. With --no-run, only draws the table from the files at hand.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETS = {
    "digits@14": "digits, 14×14",
    "mnist@14": "MNIST, 14×14",
    "fashion_mnist@14": "Fashion-MNIST, 14×14",
}
RIVALS = "random,raw,pca,kmeans"
POINTS = "0,60,200,1000"
SHOWN = 200


def _file(dataset: str) -> Path:
    return ROOT / "results" / f"readme-{dataset.split('@')[0]}.json"


def _run(dataset: str, data_dir: str | None) -> None:
    command = [sys.executable, "-m", "metaplastic", "evaluate", "default", "--dataset", dataset]
    command += ["--points", POINTS, "--rivals", RIVALS, "--unlabelled", "10000"]
    command += ["--out", str(_file(dataset)), *(["--data-dir", data_dir] if data_dir else [])]
    subprocess.run(command, check=True)


def _cell(method: dict[str, Any]) -> str:
    return f"{method['mean']:.3f} ± {method['standard_error']:.3f}"


def table() -> str:
    """The table as Markdown; the best of each column is bold, whoever it is."""
    columns = {}
    for dataset in SETS:
        methods = json.loads(_file(dataset).read_text())["methods"]
        rule = methods.pop("rule")
        found = {
            f"shipped rule, {p:,} inner steps": s
            for p, s in zip(rule["points"], rule["curve_summary"], strict=True)
            if p >= SHOWN
        }
        columns[dataset] = found | {m["title"]: m for m in methods.values()}
    names = list(next(iter(columns.values())))
    lines = ["| features (32) | " + " | ".join(SETS.values()) + " |", "|---|" + "---:|" * len(SETS)]
    for name in names:
        cells = []
        for found in columns.values():
            best = max(m["mean"] for m in found.values())
            bold = "**" if found[name]["mean"] == best else ""
            cells.append(f"{bold}{_cell(found[name])}{bold}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir")
    parser.add_argument("--no-run", action="store_true")
    arguments = parser.parse_args()
    for dataset in SETS:
        if not arguments.no_run:
            _run(dataset, arguments.data_dir)
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition("<!-- table:begin -->")
    _, _, after = rest.partition("<!-- table:end -->")
    readme.write_text(f"{before}<!-- table:begin -->\n{table()}\n<!-- table:end -->{after}")


if __name__ == "__main__":
    main()
