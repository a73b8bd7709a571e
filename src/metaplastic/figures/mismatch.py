"""Figure of study `mismatch`: the VAE's objective and accuracy; the learned rule's accuracy."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from metaplastic.evaluation.results import with_error
from metaplastic.figures.style import ACCURACY, BLUE, ORANGE, line, new_figure, protocol_note
from metaplastic.figures.tables import shown, table


def draw(content: dict[str, Any]) -> Figure:
    """Draw one row per data set: the VAE's objective and accuracy, and the rule's accuracy."""
    datasets = content["datasets"]
    title = f"{content['title']}\n{protocol_note(content)}"
    figure = new_figure(12.0, 0.8 + 2.9 * len(datasets), title)
    rows = figure.subplots(len(datasets), 3, squeeze=False)
    for (objective, accuracy, rule), (address, entry) in zip(rows, datasets.items(), strict=True):
        vae, learned = entry["vae"], entry["rule_curve"]
        _objective(objective, vae, address)
        line(accuracy, vae["points"], vae["accuracy_summary"], label="", colour=ORANGE, marker="^")
        accuracy.set_title(f"{address}: accuracy of the VAE")
        line(rule, learned["points"], learned["summary"], label="", colour=BLUE)
        rule.set_title(f"{address}: accuracy of rule {learned['label']}")
        rule.axvline(content["horizon"], color="black", linewidth=0.8, linestyle=":")
        rule.set_xlabel("inner steps; dotted: horizon of meta-training")
        for panel in (objective, accuracy):
            panel.set_xscale("symlog", linthresh=100)
            panel.set_xlim(left=0)
            panel.set_xlabel("updates by Adam (below 100 linear, then logarithmic)")
        for panel in (accuracy, rule):
            panel.set_ylabel(ACCURACY)
        # the accuracies share one scale
        low = min(accuracy.get_ylim()[0], rule.get_ylim()[0])
        high = max(accuracy.get_ylim()[1], rule.get_ylim()[1])
        accuracy.set_ylim(low, high)
        rule.set_ylim(low, high)
    return figure


def _objective(panel: Any, vae: dict[str, Any], address: str) -> None:
    summary = vae["elbo_summary"]
    line(panel, vae["points"], summary, label="", colour=ORANGE, marker="^")
    panel.set_title(f"{address}: objective of the VAE")
    panel.set_ylabel("ELBO on test inputs (nats per example)")
    # the first value is far below and would flatten the curve
    low, high = (f(entry["mean"] for entry in summary[1:]) for f in (min, max))
    panel.set_ylim(low - 0.15 * (high - low), high + 0.1 * (high - low))


def tables(content: dict[str, Any]) -> str:
    """Return tables of the VAE's accuracy and objective along its training."""
    parts = []
    for address, entry in content["datasets"].items():
        vae = entry["vae"]
        rows = [
            ((f"{point:,}", shown(level), with_error(elbo, digits=1)), "")
            for point, level, elbo in zip(
                vae["points"], vae["accuracy_summary"], vae["elbo_summary"], strict=True
            )
        ]
        head = ("updates", "accuracy", "ELBO, nats per example")
        parts.append(table(f"VAE on {address}", head, rows))
    return "".join(parts)
