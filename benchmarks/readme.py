"""`python -m benchmarks.readme`: the tables of README.md, from results/*.json.

The numbers come from studies such as `metaplastic study datasets`; nothing is measured here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metaplastic.evaluation.results import with_error
from metaplastic.evaluation.significance import Comparison
from metaplastic.figures.marks import compared

ROOT = Path(__file__).resolve().parents[1]
ROLES = {
    "report": "Held-out sets",
    "meta-train": "Sets that choices were made on",
    "user": "Other sets",
}
NAMES = {
    "digits": "digits",
    "mnist@14": "MNIST, 14×14",
    "mnist": "MNIST, 28×28",
    "fashion_mnist@14": "Fashion-MNIST, 14×14",
    "fashion_mnist": "Fashion-MNIST, 28×28",
    "cifar10": "CIFAR-10, 32×32",
}


def table(content: dict[str, Any]) -> str:
    """Return a Markdown table with a row per method; the best method of each column is bold.

    ▲ marks a method that beats the rule on a data set, ▽ one that the rule beats: by a paired
    t-test over seeds at 5 %, with Holm's correction over the whole table. † marks a data set of
    which another part was used in meta-training.
    """
    trained = {source.partition("@")[0] for source in content["rule"]["training_data"]}
    shown = {a: content["datasets"][a]["methods"] for a in NAMES if a in content["datasets"]}
    marks = compared({a: content["datasets"][a] for a in shown}, content.get("reference", "rule"))
    rows = {name: entry["title"] for methods in shown.values() for name, entry in methods.items()}
    lines = [
        "| features | " + " | ".join(_heading(a, trained) for a in shown) + " |",
        "|---|" + "---:|" * len(shown),
    ]
    for name, title in rows.items():
        cells = [_cell(methods, name, marks.get((a, name))) for a, methods in shown.items()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _heading(address: str, trained: set[str]) -> str:
    return NAMES[address] + (" †" if address.partition("@")[0] in trained else "")


def _cell(methods: dict[str, Any], name: str, comparison: Comparison | None) -> str:
    if name not in methods:
        return "-"
    entry = methods[name]
    best = max(m["mean"] for m in methods.values())
    bold = "**" if entry["mean"] == best else ""
    mark = f" {comparison.mark}" if comparison is not None and comparison.mark else ""
    return f"{bold}{with_error(entry)}{bold}{mark}"


def domains(content: dict[str, Any], labels: int = 10) -> str:
    """Return Markdown tables, one per role and group of methods: mean rank, mean accuracy, and on
    how many sets the reference wins, ties and loses against each method; best rank first."""
    parts = []
    for standing in content["standings"]:
        if standing["labels"] != labels or standing["readout"] == "logistic":
            continue
        parts += [_standing(content, standing), ""]
    missing = content["missing"]
    if missing:
        total = len(content["sets"]) + len(missing)
        measured = f"{len(content['sets'])} of {total} sets measured"
        parts.append(f"{measured}; left out: {', '.join(missing)}.")
    return "\n".join(parts).rstrip("\n")


def _standing(content: dict[str, Any], standing: dict[str, Any]) -> str:
    ours = next(row for row in standing["rows"] if "wins" not in row)
    difference = standing["critical_difference"]
    lines = [
        f"**{ROLES[standing['role']]}** ({len(standing['data_sets'])}), "
        f"{standing['labels']} labels per class"
        + ("" if standing["readout"] == "classifiers" else f", {standing['readout']} readout")
        + ("" if difference is None else f"; critical difference of ranks {difference:.1f}")
        + f". Won, tied, lost: by {_plain(ours['title'])}, in a paired t-test (Holm's correction).",
        "",
        "| method | mean rank | mean accuracy | won | tied | lost | more than 0.03 above / below | "
        "processor seconds to fit |",
        "|---|" + "---:|" * 7,
    ]
    for row in standing["rows"]:
        level = "-" if row["mean_accuracy"] is None else f"{row['mean_accuracy']:.3f}"
        seconds = f"{content['sets_seconds'][row['method']]:.2f}"
        against = (
            ["", "", "", ""]
            if row is ours
            else [
                *(str(row[key]) for key in ("wins", "ties", "losses")),
                f"{row['far_above']} / {row['far_below']}",
            ]
        )
        bold = "**" if row is ours else ""
        title = row["title"] if standing["readout"] == "classifiers" else _plain(row["title"])
        cells = [f"{bold}{title}{bold}", f"{row['mean_rank']:.2f}", level, *against, seconds]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


SHORT = {
    "digits": "digits",
    "mnist@14": "MNIST-14",
    "fashion_mnist@14": "Fashion-14",
    "imdb": "IMDB",
}
COSTLIEST = 7  # ablated parts that the README lists
GROUPS = {"switched off": "without: ", "given": ""}


def learned(content: dict[str, Any]) -> str:
    """Return Markdown of study `learned`: the effect of meta-training, and the parts that cost most
    to switch off on the first data set; the figure shows all parts."""
    datasets = content["datasets"]
    first = next(iter(datasets.values()))["methods"]

    def order(name: str) -> tuple[bool, float]:
        ablated = first[name]["kind"] != "meta-training"
        return ablated, first[name]["mean"] if ablated else 0.0

    columns = [str(SHORT.get(address, address)) for address in datasets]
    lines = [
        f"| features | {' | '.join(columns)} |",
        "|---|" + "---:|" * len(datasets),
    ]
    ordered = sorted(first, key=order)
    shown = [name for name in ordered if name in ("random", "meta-step-0", "rule")]
    shown += [name for name in ordered if first[name]["kind"] != "meta-training"][:COSTLIEST]
    for name in shown:
        cells = [with_error(e["methods"][name]) for e in datasets.values()]
        title = GROUPS.get(first[name]["kind"], "") + first[name]["title"]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    seeds, steps = len(content["seeds"]), content["inner_steps"]
    parts = sum(method["kind"] == "switched off" for method in first.values())
    caption = (
        f"Accuracy with {content['settings']['labels_per_class']} labels per class after {steps} "
        f"inner steps, mean ± standard error over {seeds} seeds (`metaplastic study learned`). Of "
        f"the {parts} parts switched off, those {COSTLIEST} that cost most on {columns[0]}:"
    )
    figure = "![Accuracy along meta-training, and with each part switched off](results/learned.png)"
    return "\n".join([caption, "", *lines, "", figure])


def _plain(title: str) -> str:
    return title.partition(";")[0]


def fill(text: str, name: str, content: str) -> str:
    """Return `text` with `content` between the markers of that name; unchanged without markers."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if begin not in text:
        return text
    before, _, remainder = text.partition(begin)
    _, _, after = remainder.partition(end)
    return f"{before}{begin}\n{content}\n{end}{after}"


def main() -> None:
    """Write the tables between their markers in README.md."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    for name, file, make in (
        ("table", "datasets", table),
        ("domains", "domains/domains", domains),
        ("contest", "contest/datasets", table),
        ("learned", "learned", learned),
    ):
        path = ROOT / "results" / f"{file}.json"
        if path.is_file():
            text = fill(text, name, make(json.loads(path.read_text())))
    readme.write_text(text)


if __name__ == "__main__":
    main()
