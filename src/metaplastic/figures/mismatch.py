"""Figure of study `mismatch`: the VAE's objective and accuracy; the learned rule's accuracy."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from metaplastic.figures.style import ACCURACY, BLUE, ORANGE, line, new_figure, protocol_note


def draw(content: dict[str, Any]) -> Figure:
    """Left: the VAE, accuracy above its objective. Right: the learned rule along its inner loop."""
    title = f"{content['title']}, {content['data']['address']}\n{protocol_note(content)}"
    figure = new_figure(10.5, 5.2, title)
    axes = figure.subplot_mosaic([["accuracy", "rule"], ["elbo", "rule"]])
    vae, rule = content["vae"], content["rule_curve"]
    above, below, right = axes["accuracy"], axes["elbo"], axes["rule"]
    line(above, vae["points"], vae["accuracy_summary"], label="VAE", colour=ORANGE, marker="^")
    line(below, vae["points"], vae["elbo_summary"], label="VAE", colour=ORANGE, marker="^")
    for panel in (above, below):
        panel.set_xscale("symlog", linthresh=100)
        panel.set_xlim(left=0)
    above.set_title("VAE: few-shot accuracy")
    above.set_ylabel(ACCURACY)
    below.set_title("VAE: evidence lower bound on test inputs")
    below.set_ylabel("ELBO (nats per example)")
    low = min(entry["mean"] for entry in vae["elbo_summary"][1:])
    high = max(entry["mean"] for entry in vae["elbo_summary"])
    below.set_ylim(low - 0.15 * (high - low), high + 0.08 * (high - low))
    below.set_xlabel("updates by Adam (linear below 100, then logarithmic)")
    line(right, rule["points"], rule["summary"], label=rule["label"], colour=BLUE)
    right.axvline(content["horizon"], color="black", linewidth=0.8, linestyle=":")
    right.annotate(
        "horizon of meta-training",
        (content["horizon"], 0.02),
        xycoords=("data", "axes fraction"),
        rotation=90,
        ha="right",
        fontsize=7.5,
    )
    right.set_title(f"rule {rule['label']}: few-shot accuracy")
    right.set_xlabel("inner steps (applications of the rule)")
    right.set_ylabel(ACCURACY)
    return figure
