"""`python -m research.compute`: accuracy on held-out data against hours of meta-training.

Takes the rungs of the ladder that study `learned` measured, looks up in the records of the stages
how long meta-training had run at each, and fits

    accuracy = a + b log10(hours)

to the rungs after meta-step 0 by least squares. Both, with the 95 % confidence interval of b (t
distribution), the interval of a further rung at ten times the hours, and the hours at which the
line meets a target, go to `OUT` as JSON and beside it as a figure. Nothing is chosen by it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import linregress, t

from metaplastic import files
from metaplastic.errors import DataError
from metaplastic.evaluation.results import write_json
from metaplastic.figures.style import BLUE, GREY, new_figure, styled
from metaplastic.meta.run.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
TARGETS = {"digits": 0.93, "mnist@14": 0.90, "fashion_mnist@14": 0.74, "imdb": 0.695}
FACTOR = 10.0


class Line(NamedTuple):
    """A line through accuracies; `slope` is per factor of ten in hours."""

    intercept: float
    slope: float
    slope_interval: tuple[float, float]
    further: float  # hours of a further rung
    further_interval: tuple[float, float]

    def at(self, hours: float) -> float:
        """Return the accuracy at a number of hours."""
        return self.intercept + self.slope * float(np.log10(hours))

    def hours_at(self, accuracy: float) -> float | None:
        """Return the hours at which the line meets an accuracy, or None for a falling line."""
        if self.slope <= 0:
            return None
        return float(10 ** ((accuracy - self.intercept) / self.slope))


def stages_in(folder: Path) -> list[Path]:
    """Return the records of the stages in a folder, in order."""
    return sorted(folder.glob("stage-*"), key=lambda path: int(path.name.partition("-")[2]))


def hours_by_meta_step(stages: Sequence[Path]) -> dict[int, float]:
    """Return the hours that meta-training had run for, by number of meta-steps over all stages."""
    hours: dict[int, float] = {}
    steps, seconds = 0, 0.0
    for stage in stages:
        lines = [line for line in read_metrics(stage) if "loss" in line]
        for line in lines:
            hours[steps + line["meta_step"]] = (seconds + line["seconds"]) / 3600
        steps += lines[-1]["meta_step"]
        seconds += lines[-1]["seconds"]
    return hours


def fit(hours: Sequence[float], accuracies: Sequence[float]) -> Line:
    """Fit the line. Raises `ValueError` for fewer than three points."""
    if len(hours) < 3:
        raise ValueError(f"a line with an interval needs 3 points, not {len(hours)}")
    x, y = np.log10(np.asarray(hours)), np.asarray(accuracies)
    line: Any = linregress(x, y)
    quantile = float(t.ppf(0.975, len(x) - 2))
    spread = float(np.sqrt(np.sum((y - line.intercept - line.slope * x) ** 2) / (len(x) - 2)))
    further = FACTOR * max(hours)
    distance = (np.log10(further) - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2)
    half = quantile * spread * float(np.sqrt(1 + 1 / len(x) + distance))
    middle = float(line.intercept + line.slope * np.log10(further))
    slope_half = quantile * float(line.stderr)
    return Line(
        float(line.intercept),
        float(line.slope),
        (float(line.slope) - slope_half, float(line.slope) + slope_half),
        further,
        (middle - half, middle + half),
    )


def summarise(learned: dict[str, Any], hours: dict[int, float]) -> dict[str, Any]:
    """Return points, line and target for each data set of study `learned`."""
    summary = {}
    for address, content in learned["datasets"].items():
        rungs = [
            entry
            for entry in content["methods"].values()
            if entry["kind"] == "meta-training" and entry.get("meta_steps")
        ]
        points = [
            {
                "meta_steps": rung["meta_steps"],
                "hours": hours[rung["meta_steps"]],
                "accuracy": rung["mean"],
                "standard_error": rung["standard_error"],
            }
            for rung in rungs
        ]
        line = fit([p["hours"] for p in points], [p["accuracy"] for p in points])
        target = TARGETS.get(address)
        summary[address] = {
            "points": points,
            "start": content["methods"]["meta-step-0"]["mean"],
            **line._asdict(),
            "target": target,
            "hours_at_target": None if target is None else line.hours_at(target),
        }
    return summary


def draw(summary: dict[str, Any]) -> Figure:
    """Draw one panel for each data set: rungs, line, the interval at ten times, and target."""
    with styled():
        title = "Accuracy against hours of meta-training"
        figure = new_figure(3.2 * len(summary), 3.4, title)
        for axes, (address, entry) in zip(
            np.atleast_1d(figure.subplots(1, len(summary))), summary.items(), strict=True
        ):
            points = entry["points"]
            x = [point["hours"] for point in points]
            axes.errorbar(
                x,
                [point["accuracy"] for point in points],
                [point["standard_error"] for point in points],
                fmt="o",
                color=BLUE,
                label="rungs of the shipped rule",
            )
            ends = np.asarray([min(x), entry["further"]])
            axes.plot(ends, entry["intercept"] + entry["slope"] * np.log10(ends), color=BLUE)
            axes.plot(
                [entry["further"]] * 2,
                entry["further_interval"],
                color=BLUE,
                linewidth=3,
                alpha=0.4,
                label="95 % of further rungs, at ten times",
            )
            axes.axhline(entry["start"], color=GREY, linestyle=":", label="meta-step 0")
            if entry["target"] is not None:
                axes.axhline(entry["target"], color=GREY, linestyle="--", label="target")
            axes.set_xscale("log")
            axes.set_title(address)
            axes.set_xlabel("hours of meta-training")
        figure.axes[0].set_ylabel("accuracy")
        figure.legend(
            *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4
        )
    return figure


def main() -> None:
    """Write the summary and its figure, and print a line for each data set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--learned", type=Path, default=ROOT / "results" / "learned.json")
    parser.add_argument("--stages", type=Path, default=ROOT / "results" / "default")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "research" / "results" / "compute" / "compute.json"
    )
    args = parser.parse_args()
    learned = files.read_json(args.learned, DataError)
    summary = summarise(learned, hours_by_meta_step(stages_in(args.stages)))
    for address, entry in summary.items():
        low, high = entry["slope_interval"]
        at = entry["hours_at_target"]
        print(
            f"{address}: {entry['slope']:+.3f} per factor of ten ({low:+.3f} to {high:+.3f}); "
            f"target {entry['target']} at {'no' if at is None else f'{at:,.0f}'} hours"
        )
    write_json(args.out, {"rule": learned["rule"]["fingerprint"], "datasets": summary})
    draw(summary).savefig(args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
