"""Which number of a page comes from which results file.

A claim is a piece of a page with `{}` in place of each number, and where each of them comes from: a
function of the results, called when the claim is checked. A number may be rounded to as many digits
as the page gives it.
"""

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


class Claim(NamedTuple):
    """`text`, whose line breaks do not matter, stands once on `page`."""

    page: str
    text: str
    numbers: tuple[Number, ...]


@functools.cache
def results(name: str) -> Any:
    """A results file, by its path below `results/` without the suffix."""
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


@functools.cache
def record(name: str) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`, by the path of its folder below `results/`."""
    lines = (ROOT / "results" / name / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def value(name: str, *path: str | int) -> Number:
    """The number at a path of keys and indices."""

    def found() -> float:
        at = results(name)
        for key in path:
            at = at[key]
        return float(at)

    return found


def mean(method: str, address: str, name: str = "datasets") -> Number:
    return value(name, "datasets", address, "methods", method, "mean")


def error(method: str, address: str, name: str = "datasets") -> Number:
    return value(name, "datasets", address, "methods", method, "standard_error")


def both(method: str, address: str, name: str = "datasets") -> tuple[Number, Number]:
    """Mean and standard error."""
    return mean(method, address, name), error(method, address, name)


def above(method: str, address: str, name: str = "datasets") -> tuple[Number, Number]:
    """What the rule has above a method, seed by seed: mean and standard error."""
    at = ("datasets", address, "methods", method, "paired")
    return value(name, *at, "mean"), value(name, *at, "standard_error")


def labels(method: str, count: int) -> tuple[Number, Number]:
    """Of study `labels`: mean and standard error with `count` labels per class."""

    def at(key: str) -> Number:
        def found() -> float:
            content = results("labels")
            return content["methods"][method]["summary"][content["labels"].index(count)][key]

        return found

    return at("mean"), at("standard_error")


def best_of_rivals(count: int) -> Number:
    def found() -> float:
        methods = results("labels")["methods"]
        return max(labels(name, count)[0]() for name in methods if name != "rule")

    return found


def text(step: int, name: str = "text") -> tuple[Number, Number]:
    """Of study `text`: the shipped rule after `step` inner steps, mean and standard error."""

    def at(key: str) -> Number:
        def found() -> float:
            curve = results(name)["curves"][-1]
            return curve["summary"][curve["points"].index(step)][key]

        return found

    return at("mean"), at("standard_error")


def text_rival(method: str) -> Number:
    return value("text", "rivals", method, "mean")


def gain_on_text(step: int, name: str = "text") -> tuple[Number, Number]:
    """What the shipped rule has above the random network, seed by seed."""

    def found() -> np.ndarray:
        curve = results(name)["curves"][-1]
        seeds = np.array(curve["curve"])
        return seeds[:, curve["points"].index(step)] - seeds[:, 0]

    return _mean_and_error(found)


def first_rung_on_text() -> tuple[Number, Number]:
    """What the first rung of the ladder has above the random network after 80 inner steps."""

    def found() -> np.ndarray:
        curve = results("text")["curves"][0]
        seeds = np.array(curve["curve"])
        return seeds[:, curve["points"].index(80)] - seeds[:, 0]

    return _mean_and_error(found)


def of_theta(*path: str) -> Number:
    """What θ of the shipped rule does, read from its file."""

    def found() -> float:
        at: Any = theta_as_numbers(load_rule("default"))
        for key in path:
            at = at[key]
        return at

    return found


def term_weights(term: str) -> tuple[Number, ...]:
    return tuple(of_theta("term_weights", layer, term) for layer in LAYERS)


def longer(address: str) -> tuple[Number, Number]:
    """What ten times the inner steps add to the shipped rule, seed by seed."""

    def found() -> np.ndarray:
        far = np.array(results("long/datasets")["datasets"][address]["methods"]["rule"]["accuracy"])
        return far - results("datasets")["datasets"][address]["methods"]["rule"]["accuracy"]

    return _mean_and_error(found)


def most_lost_longer() -> float:
    return -min(longer(address)[0]() for address in results("long/datasets")["datasets"])


def architecture(group: str, label: str, point: int = -1) -> Number:
    def found() -> float:
        (curve,) = [c for c in results("architectures")[group] if c["label"] == label]
        return curve["summary"][point]["mean"]

    return found


def gains_of_activations(pick: Callable[[list[float]], float]) -> Number:
    """Of the four activations that saturate: what the rule has above a random network."""

    def found() -> float:
        names = ("tanh", "sigmoid", "sin", "step")
        return pick(
            [
                architecture("activations", name)() - architecture("activations", name, 0)()
                for name in names
            ]
        )

    return found


def simulated(sweep: str, workers: int, key: str, scale: float = 1.0) -> Number:
    def found() -> float:
        rows = results("scaling-simulated")["sweeps"][sweep]["rows"]
        (row,) = [row for row in rows if row["workers"] == workers]
        return scale * row[key]

    return found


def sampling(address: str) -> Number:
    """The error that the rows of the test split leave in the rule's accuracy."""

    def found() -> float:
        entry = results("datasets")["datasets"][address]
        a = entry["methods"]["rule"]["mean"]
        return (a * (1 - a) / entry["data"]["test"]) ** 0.5

    return found


def domain_loss(name: str, reference: str, other: str) -> Number:
    """Of study `domains`: by how much one classifier is above another on a set."""

    def found() -> float:
        methods = results("domains-first/domains")["sets"][name]["methods"]
        better, worse = (
            next(iter(methods[method]["summary"].values()))[0]["mean"]
            for method in (other, reference)
        )
        return better - worse

    return found


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


_256, _1024 = "256 gradients a step", "1024 gradients a step"
_FOUR, _LOOSE = "256 a step, each of 4 truncations", "no bound on staleness"
SLEEPING = ("sleeping_workers", "runs")
COMPUTING = ("computing_workers", "runs")

README = (
    Claim(
        "README.md",
        "{} on MNIST's 10,000 rows and {} on digits' {}",
        (
            sampling("mnist"),
            sampling("digits"),
            value("datasets", "datasets", "digits", "data", "test"),
        ),
    ),
    Claim(
        "README.md",
        "of CIFAR-10 its first {} images; of digits, which have none, the last {})",
        tuple(value("datasets", "datasets", a, "data", "test") for a in ("cifar10", "digits")),
    ),
    Claim("README.md", "the rule loses at most {} on four data sets", (most_lost_longer,)),
    Claim(
        "README.md",
        "On text it reaches {}, a random network {}, PCA {} (`results/text.png`)",
        (text(80)[0], text(0)[0], text_rival("pca")),
    ),
    Claim(
        "README.md",
        "Networks of eleven layers reach {} on MNIST-14, of 10,000 units {}",
        (architecture("depths", "11"), architecture("widths", "10,000")),
    ),
    Claim(
        "README.md",
        "by {} to {} only with tanh, sigmoid, sin and step",
        (gains_of_activations(min), gains_of_activations(max)),
    ),
    Claim(
        "README.md",
        "right {} ± {} of the time, on a denoising autoencoder's {} ± {}, on the pixels themselves "
        "{} ± {}. With 100 per class supervised training ({} ± {}) and k-means with 512 features "
        "({} ± {}) are above it ({} ± {})",
        (
            *labels("rule", 2),
            *labels("dae", 2),
            *labels("raw", 2),
            *labels("supervised", 100),
            *labels("kmeans-512", 100),
            *labels("rule", 100),
        ),
    ),
    Claim(
        "README.md",
        "one single difference is significant, {} that the random forest wins on `ge_christensen`",
        (domain_loss("ge_christensen", "classifier", "random-forest"),),
    ),
)

SCALING = (
    Claim(
        "docs/scaling.md",
        "| meta-parameters | {} | {} |",
        tuple(measured("bytes", p, "meta_parameters") for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| θ, once per update and machine | {} kB | {} kB |",
        tuple(measured("bytes", p, "theta_bytes", scale=1e-3) for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| a gradient | {} kB | {} kB |",
        tuple(measured("bytes", p, "gradient_bytes", scale=1e-3) for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| a request | {} bytes | {} bytes |",
        tuple(measured("bytes", p, "request_bytes") for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| trainer, per gradient (processor time, all threads) | {} ms | {} ms |",
        tuple(measured("trainer", p, "receive_seconds", scale=1e3) for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "| trainer, per update (mean of 256, Adam, broadcast) | {} ms | {} ms |",
        tuple(measured("trainer", p, "update_seconds", scale=1e3) for p in ("quick", "paper")),
    ),
    Claim(
        "docs/scaling.md",
        "{} truncations/s, {} updates/s, mean staleness {} updates (95 % within {}), nothing "
        "dropped, the trainer busy {} %",
        (
            simulated(_256, 512, "gradients_per_second"),
            simulated(_256, 512, "updates_per_second"),
            simulated(_256, 512, "staleness"),
            simulated(_256, 512, "staleness_95"),
            simulated(_256, 512, "trainer_busy", 100),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "Throughput is linear up to 1,024 workers ({}/s)",
        (simulated(_256, 1024, "gradients_per_second"),),
    ),
    Claim(
        "docs/scaling.md",
        "**2,048 workers**: {} % of the gradients are too old",
        (simulated(_256, 2048, "dropped_fraction", 100),),
    ),
    Claim(
        "docs/scaling.md",
        "and {} % are dropped; at 10,000 it is saturated, {} % are dropped and {}/s are used",
        (
            simulated(_256, 4096, "dropped_fraction", 100),
            simulated(_256, 10000, "dropped_fraction", 100),
            simulated(_256, 10000, "gradients_per_second"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "1,024 a step carry 4,096 workers at {}/s with {} % dropped, and 10,000 at {}/s",
        (
            simulated(_1024, 4096, "gradients_per_second"),
            simulated(_1024, 4096, "dropped_fraction", 100),
            simulated(_1024, 10000, "gradients_per_second"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "256 messages a step {} messages/s are used, {} truncations/s",
        (
            simulated(_FOUR, 10000, "gradients_per_second"),
            simulated(_FOUR, 10000, "gradients_per_second", 4),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "`max_staleness` alone gives {}/s of gradients that are {} updates old",
        (
            simulated(_LOOSE, 10000, "gradients_per_second"),
            simulated(_LOOSE, 10000, "staleness"),
        ),
    ),
    Claim("docs/scaling.md", "(a median of {} s,", (measured("sleeping_workers", "seconds"),)),
    *(
        Claim(
            "docs/scaling.md",
            f"| {workers} | {{}} | {{}} | {{}} | {{}} |",
            (
                measured(*SLEEPING, i, "gradients_per_second"),
                value("scaling-simulated", "checks", i, "predicted_gradients_per_second"),
                measured(*SLEEPING, i, "staleness"),
                value("scaling-simulated", "checks", i, "predicted_staleness"),
            ),
        )
        for i, workers in enumerate((1, 2, 4))
    ),
    Claim(
        "docs/scaling.md",
        "{} gradients/s with one, {} with two, {} with four",
        tuple(measured(*COMPUTING, i, "gradients_per_second") for i in range(3)),
    ),
    Claim(
        "docs/scaling.md",
        "(a tiny run, {} to {} ms of processor time a gradient)",
        (
            measured(*COMPUTING, 1, "processor_seconds_per_gradient", scale=1e3),
            measured(*COMPUTING, 0, "processor_seconds_per_gradient", scale=1e3),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "falls from {} to {} on `local` and to {} on `ray` (standard deviation over seeds {} and "
        "{}); the paired difference is {}, 95 % interval {} to {}",
        (
            over_seeds("local", "validation_loss_before", average),
            agreement("mean", "local"),
            agreement("mean", "ray"),
            agreement("sd_over_seeds", "local"),
            agreement("sd_over_seeds", "ray"),
            agreement("paired_difference"),
            agreement("interval_95", 0),
            agreement("interval_95", 1),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "Staleness was low ({} to {} updates",
        (over_seeds("ray", "staleness", min), over_seeds("ray", "staleness", max)),
    ),
    Claim(
        "docs/scaling.md",
        "process 0 ended after {} s, one line, status 1; `--resume`",
        (fault("mesh_process_killed", "process_1", "seconds_until_the_other_ended"),),
    ),
    Claim(
        "docs/scaling.md",
        "process 1 ended after {} s, likewise",
        (fault("mesh_process_killed", "process_0", "seconds_until_the_other_ended"),),
    ),
    Claim(
        "docs/scaling.md",
        "process 0 ended after {} s, likewise",
        (fault("mesh_process_frozen", "seconds_until_the_other_ended"),),
    ),
    Claim(
        "docs/scaling.md",
        "resumed at meta-steps 19, 114 and 194 after {}, {} and {} were reached; {} gradients",
        (
            *(fault("ray_trainer_killed", "killed_at_meta_steps", i) for i in range(3)),
            fault("ray_trainer_killed", "gradients_counted"),
        ),
    ),
    Claim(
        "docs/scaling.md",
        "for {} minutes (four workers) | {} kills, {} workers reported lost, {} meta-steps "
        "meanwhile, {} gradients, none twice, {} dropped as too old",
        tuple(
            fault("ray_workers_killed", key)
            for key in (
                "minutes",
                "kills",
                "workers_lost",
                "meta_steps_meanwhile",
                "gradients_counted",
                "dropped_as_stale",
            )
        ),
    ),
    Claim(
        "docs/scaling.md",
        "given up and reported after {} s",
        (fault("ray_worker_hangs", "given_up_after_seconds"),),
    ),
)

METHOD = (
    Claim(
        "docs/method.md",
        "study `text`: {} ± {} above by the rung of meta-step 500",
        first_rung_on_text(),
    ),
    Claim(
        "docs/method.md",
        "to twice the horizon: {} after 80 steps, {} after 160",
        (text(80)[0], text(160)[0]),
    ),
    Claim(
        "docs/method.md",
        "study `architectures`: {} on MNIST-14 |",
        (architecture("depths", "11"),),
    ),
    Claim(
        "docs/method.md", "study `architectures`: {} | differs", (architecture("widths", "10,000"),)
    ),
    Claim(
        "docs/method.md",
        "{} with 64 units, {} with 256, level from there",
        (architecture("widths", "64"), architecture("widths", "256")),
    ),
)

LEARNED = (
    Claim(
        "README.md",
        "raised the step to {} times the one it began with, of at most {}.",
        (of_theta("step_factor", "weights"), of_theta("step_factor", "most")),
    ),
    Claim(
        "docs/studies.md",
        "Read as `rule-all` the rule has {} on digits, {} on MNIST-14 and {} on Fashion-14, at the "
        "last layer {}, {} and {}",
        tuple(
            mean(method, address, "contest/datasets")
            for method in ("rule-all", "rule")
            for address in ("digits", "mnist@14", "fashion_mnist@14")
        ),
    ),
    Claim(
        "docs/studies.md",
        "are negative in every layer ({}, {}, {}): it correlates. Those of `low_rank` are {}, {} "
        "and {}; of `subspace` {}, {} and {}. Its learned factor of the step stands at {} of at "
        "most {}",
        (
            *term_weights("decorrelation"),
            *term_weights("low_rank"),
            *term_weights("subspace"),
            of_theta("step_factor", "weights"),
            of_theta("step_factor", "most"),
        ),
    ),
)

CLAIMS = (*README, *SCALING, *METHOD, *LEARNED)
