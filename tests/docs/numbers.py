"""Numbers in the committed results, each a function that is called when a claim is checked."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from metaplastic.evaluation.ablations import LAYERS, theta_as_numbers
from metaplastic.hub import load_rule

ROOT = Path(__file__).parents[2]
Number = Callable[[], float]
RULES = "rule", "rule-all"


class Claim(NamedTuple):
    """A text, with `{}` for each number, that occurs once on `page`, whatever its line breaks."""

    page: str
    text: str
    numbers: tuple[Number, ...]


@functools.cache
def results(name: str) -> Any:
    """Load a results file, by its path below `results/` without the suffix."""
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


@functools.cache
def record(name: str) -> list[dict[str, Any]]:
    """Load the lines of a `metrics.jsonl`, by the path of its folder below `results/`."""
    lines = (ROOT / "results" / name / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def value(name: str, *path: str | int) -> Number:
    """The number at a path of keys and indices."""

    def compute() -> float:
        at = results(name)
        for key in path:
            at = at[key]
        return float(at)

    return compute


def mean(method: str, address: str, name: str = "datasets") -> Number:
    return value(name, "datasets", address, "methods", method, "mean")


def error(method: str, address: str, name: str = "datasets") -> Number:
    return value(name, "datasets", address, "methods", method, "standard_error")


def both(method: str, address: str, name: str = "datasets") -> tuple[Number, Number]:
    """Mean and standard error."""
    return mean(method, address, name), error(method, address, name)


def above(method: str, address: str, name: str = "datasets") -> tuple[Number, Number]:
    """The gain of the rule over a method, seed by seed: mean and standard error."""
    at = ("datasets", address, "methods", method, "paired")
    return value(name, *at, "mean"), value(name, *at, "standard_error")


def labels(method: str, count: int) -> tuple[Number, Number]:
    """Of study `labels`: mean and standard error with `count` labels per class."""

    def at(key: str) -> Number:
        def compute() -> float:
            content = results("labels")
            return content["methods"][method]["summary"][content["labels"].index(count)][key]

        return compute

    return at("mean"), at("standard_error")


def best_of_baselines(count: int) -> Number:
    def found() -> float:
        methods = results("labels")["methods"]
        return max(labels(name, count)[0]() for name in methods if name not in RULES)

    return found


def text(step: int, name: str = "text") -> tuple[Number, Number]:
    """Of study `text`: the shipped rule after `step` inner steps, mean and standard error."""

    def at(key: str) -> Number:
        def compute() -> float:
            curve = results(name)["curves"][-1]
            return curve["summary"][curve["points"].index(step)][key]

        return compute

    return at("mean"), at("standard_error")


def text_baseline(method: str) -> Number:
    return value("text", "rivals", method, "mean")


def gain_on_text(step: int, name: str = "text") -> tuple[Number, Number]:
    """The gain of the shipped rule over the random network, seed by seed."""

    def compute() -> np.ndarray:
        curve = results(name)["curves"][-1]
        seeds = np.array(curve["curve"])
        return seeds[:, curve["points"].index(step)] - seeds[:, 0]

    return _mean_and_error(compute)


def rung_on_text(meta_steps: int, step: int = 80, name: str = "text") -> tuple[Number, Number]:
    """The gain of the rule at a meta-step over the random network after `step` inner steps."""

    def at(key: str) -> Number:
        def compute() -> float:
            (curve,) = [c for c in results(name)["curves"] if c["meta_steps"] == meta_steps]
            return curve["gain"][curve["points"].index(step)][key]

        return compute

    return at("mean"), at("standard_error")


def of_theta(*path: str) -> Number:
    """A number of `theta_as_numbers` of the shipped rule."""

    def compute() -> float:
        at: Any = theta_as_numbers(load_rule("default"))
        for key in path:
            at = at[key]
        return at

    return compute


def term_weights(term: str) -> tuple[Number, ...]:
    return tuple(of_theta("term_weights", layer, term) for layer in LAYERS)


def longer(address: str) -> tuple[Number, Number]:
    """The change when the shipped rule takes ten times the inner steps, seed by seed."""

    def compute() -> np.ndarray:
        far = np.array(results("long/datasets")["datasets"][address]["methods"]["rule"]["accuracy"])
        return far - results("datasets")["datasets"][address]["methods"]["rule"]["accuracy"]

    return _mean_and_error(compute)


def most_lost_longer() -> float:
    return -min(longer(address)[0]() for address in results("long/datasets")["datasets"])


def architecture(group: str, label: str, point: int = -1) -> Number:
    def compute() -> float:
        (curve,) = [c for c in results("architectures")[group] if c["label"] == label]
        return curve["summary"][point]["mean"]

    return compute


def deep_and_wide(
    layers: int, units: int, point: int = -1, key: str = "mean", name: str = "architectures"
) -> Number:
    """Of study `architectures`: networks that are both deep and wide."""

    def compute() -> float:
        grid = results(name)["grid"]
        (curve,) = [c for c in grid if (c["value"], c["width"]) == (layers, units)]
        return curve["summary"][point][key]

    return compute


def amount(sweep: str, count: int, method: str = "rule") -> Number:
    """Of study `amounts`: the mean of a method at one value of a sweep."""

    def compute() -> float:
        content = results("amounts")["sweeps"][sweep]
        return content["methods"][method]["summary"][content["values"].index(count)]["mean"]

    return compute


def of_fields(measure: str, row: int, key: str = "mean", address: str = "mnist@14") -> Number:
    """Of study `filters`, after the last inner step: row 0 is the random network, then the ladder
    from meta-step 0 on."""

    def compute() -> float:
        rows = results("filters")["datasets"][address]["rows"]
        assert [r["meta_steps"] for r in rows] == [None, 0, 500, 5311]
        return rows[row]["measures"][-1][measure][key]

    return compute


def gains_of_activations(pick: Callable[[list[float]], float]) -> Number:
    """The gain of the rule over a random network with the four saturating activations."""

    def compute() -> float:
        names = ("tanh", "sigmoid", "sin", "step")
        return pick(
            [
                architecture("activations", name)() - architecture("activations", name, 0)()
                for name in names
            ]
        )

    return compute


def simulated(sweep: str, workers: int, key: str, scale: float = 1.0) -> Number:
    def compute() -> float:
        rows = results("scaling-simulated")["sweeps"][sweep]["rows"]
        (row,) = [row for row in rows if row["workers"] == workers]
        return scale * row[key]

    return compute


def sampling(address: str) -> Number:
    """The sampling error of the rule's accuracy due to the choice of test rows."""

    def compute() -> float:
        entry = results("datasets")["datasets"][address]
        a = entry["methods"]["rule"]["mean"]
        return (a * (1 - a) / entry["data"]["test"]) ** 0.5

    return compute


def _mean_and_error(differences: Callable[[], np.ndarray]) -> tuple[Number, Number]:
    return (
        lambda: float(np.mean(differences())),
        lambda: float(np.std(differences(), ddof=1) / len(differences()) ** 0.5),
    )


def times(number: Number, scale: float) -> Number:
    return lambda: scale * number()


def measured(*path: str | int, scale: float = 1.0) -> Number:
    return times(value("scaling-measured", *path), scale)


def agreement(*path: str | int) -> Number:
    return value("scaling-agreement", *path)


def over_seeds(engine: str, key: str, pick: Callable[[list[float]], float]) -> Number:
    return lambda: pick([run[key] for run in results("scaling-agreement")["runs"][engine]])


def fault(*path: str | int) -> Number:
    return value("scaling-faults", *path)


def average(numbers: list[float]) -> float:
    return float(np.mean(numbers))
