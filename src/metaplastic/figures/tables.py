"""Tables of a study's results as HTML: best method first, the rule marked, also where it loses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from metaplastic.evaluation.significance import Comparison, sampling_error
from metaplastic.figures.marks import compared
from metaplastic.figures.style import rung

OURS = ("rule", "rule-all")


def tables(content: dict[str, Any]) -> str:
    """The tables of a study; empty for one whose figure says it all."""
    makers = {
        "datasets": _datasets,
        "domains": _domains,
        "text": _text,
        "labels": _labels,
        "architectures": _architectures,
        "mismatch": _mismatch,
        "meta-training": _meta_training,
    }
    maker = makers.get(content["study"])
    return maker(content) if maker else ""


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[tuple[Sequence[str], str]],
) -> str:
    """Rows are (cells, class name)."""
    cells = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join(
        f'<tr class="{name}">' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row, name in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def shown(summary: dict[str, Any] | None, sign: bool = False) -> str:
    """A mean and its standard error."""
    if summary is None:
        return ""
    if summary["mean"] is None:
        return "no number"
    failed = f" ({summary['failed']} seeds failed)" if summary.get("failed") else ""
    mean = f"{summary['mean']:+.3f}" if sign else f"{summary['mean']:.3f}"
    return f"{mean} ± {summary['standard_error']:.3f}{failed}"


def _level(summary: dict[str, Any]) -> float:
    return -1.0 if summary["mean"] is None else float(summary["mean"])


def _ranked(methods: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    """Methods from best to worst, with the class of their row."""
    order = sorted(methods.items(), key=lambda item: -_level(item[1]))
    return [
        (name, method, f"{'rule' if name in OURS else ''} {'best' if i == 0 else ''}".strip())
        for i, (name, method) in enumerate(order)
    ]


def _chosen(method: dict[str, Any]) -> str:
    chosen = (method.get("search") or {}).get("settings") or {}
    return ", ".join(f"{key} = {value}" for key, value in chosen.items()) or "none"


def _datasets(content: dict[str, Any]) -> str:
    parts = []
    marks = compared(content["datasets"], content.get("reference", "rule"))
    for address, entry in content["datasets"].items():
        rows = [
            (
                (
                    method["title"],
                    shown(method),
                    _with_mark(method.get("paired"), marks.get((address, name))),
                    "" if name in OURS else _chosen(method),
                ),
                row,
            )
            for name, method, row in _ranked(entry["methods"])
        ]
        head = ("method", "accuracy", "rule minus it", "chosen by the search (else defaults)")
        notes = "; ".join(entry["data"]["notes"])
        rule = entry["methods"].get(content.get("reference", "rule"), {"mean": None})
        caption = f"{address}: {entry['data']['test']:,} test examples"
        if rule["mean"] is not None:
            error = sampling_error(rule["mean"], entry["data"]["test"])
            caption += f", which leave the rule's accuracy an error of ±{error:.3f}"
        parts.append(table(caption + (f" ({notes})" if notes else ""), head, rows))
    return "".join(parts)


def _with_mark(paired: dict[str, Any] | None, found: Comparison | None) -> str:
    mark = found.mark if found is not None else ""
    return f"{shown(paired, sign=True)} {mark}".strip()


def _domains(content: dict[str, Any]) -> str:
    parts = []
    for standing in content["standings"]:
        rows = [
            (
                (
                    row["title"],
                    f"{row['mean_rank']:.2f}",
                    "" if row["mean_accuracy"] is None else f"{row['mean_accuracy']:.3f}",
                    "" if "wins" not in row else f"{row['wins']} / {row['ties']} / {row['losses']}",
                    "" if "wins" not in row else f"{row['far_above']} / {row['far_below']}",
                    f"{content['sets_seconds'][row['method']]:.1f}",
                ),
                "rule" if row["method"] in OURS else "",
            )
            for row in standing["rows"]
        ]
        cd = standing["critical_difference"]
        caption = (
            f"{standing['role']} sets, {standing['labels']} labels per class, "
            f"{standing['readout']}: {len(standing['data_sets'])} data sets"
            + ("" if cd is None else f", critical difference {cd:.2f}")
        )
        head = ("method", "mean rank", "mean accuracy", "wins / ties / losses of the rule")
        head += ("rule more than 0.03 above / below", "processor seconds to fit")
        parts.append(table(caption, head, rows))
    return "".join(parts)


def _text(content: dict[str, Any]) -> str:
    ladder = content["curves"]
    curves = table(
        "The learned rule: accuracy along the inner loop, by the length of its meta-training",
        ("inner steps", *(rung(curve) for curve in ladder)),
        [
            ((f"{point:,}", *(shown(curve["summary"][i]) for curve in ladder)), "rule")
            for i, point in enumerate(ladder[0]["points"])
        ],
    )
    rivals = table(
        "Rivals",
        ("method", "accuracy", "chosen by the search (else defaults)"),
        [
            ((method["title"], shown(method), _chosen(method)), row)
            for _, method, row in _ranked(content["rivals"])
        ],
    )
    return curves + (rivals if content["rivals"] else "")


def _labels(content: dict[str, Any]) -> str:
    counts, methods = content["labels"], content["methods"]
    best = [max(_level(m["summary"][i]) for m in methods.values()) for i in range(len(counts))]
    rows = []
    for name, method in methods.items():
        cells = [
            shown(entry) + (" *" if _level(entry) == best[i] else "")
            for i, entry in enumerate(method["summary"])
        ]
        rows.append(((method["title"], *cells), "rule" if name in OURS else ""))
    head = ("method", *(f"{count} per class" for count in counts))
    return table("Accuracy by labelled examples per class; * the best of a column", head, rows)


def _architectures(content: dict[str, Any]) -> str:
    rows = []
    for group in ("depths", "widths", "activations"):
        for curve in content[group]:
            layers = "-".join(map(str, curve["layers"]))
            first, last = curve["summary"][0], curve["summary"][-1]
            cells = (layers, curve["activation"], str(len(curve["curve"])), shown(first))
            rows.append(((*cells, shown(last)), ""))
    head = ("layers", "activation", "seeds", "random network", "after the last inner step")
    return table("Base models", head, rows)


def _mismatch(content: dict[str, Any]) -> str:
    parts = []
    for address, entry in content["datasets"].items():
        vae = entry["vae"]
        rows = [
            ((f"{point:,}", shown(level), f"{elbo['mean']:.1f} ± {elbo['standard_error']:.1f}"), "")
            for point, level, elbo in zip(
                vae["points"], vae["accuracy_summary"], vae["elbo_summary"], strict=True
            )
        ]
        head = ("updates", "accuracy", "ELBO, nats per example")
        parts.append(table(f"VAE on {address}", head, rows))
    return "".join(parts)


def _meta_training(content: dict[str, Any]) -> str:
    addresses = list(content["datasets"])
    first = content["datasets"][addresses[0]]["curves"]
    rows = [
        (
            (
                rung(first[i]),
                *(shown(content["datasets"][a]["curves"][i]["summary"][-1]) for a in addresses),
            ),
            "",
        )
        for i in range(len(first))
    ]
    head = ("rule after", *addresses)
    return table(f"Accuracy after {content['inner_steps']} inner steps", head, rows)
