"""The claims about tables, texts and images side by side, from study `domains`; see `claims.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tests.docs.numbers import Claim, Number, results

FIGURES = ("digits", "mnist@14", "fashion_mnist@14", "imdb")  # images and texts beside the tables


def domain_loss(name: str, reference: str, other: str, labels: int = 10) -> Number:
    """Of study `domains`: how far `reference` is below `other` on a set, by ridge regression with
    `labels` labels per class."""

    def compute() -> float:
        content = results("domains/domains")
        methods = content["sets"][name]["methods"]
        at = content["sets"][name]["labels"].index(labels)
        better, worse = (
            methods[method]["summary"]["ridge"][at]["mean"] for method in (other, reference)
        )
        return better - worse

    return compute


def domain_rank(method: str, readout: str) -> Number:
    """Of study `domains`: a method's mean rank on the held-out sets with ten labels per class."""

    def compute() -> float:
        for standing in results("domains/domains")["standings"]:
            found = standing["role"], standing["readout"], standing["labels"]
            if found == ("report", readout, 10):
                return next(r["mean_rank"] for r in standing["rows"] if r["method"] == method)
        raise LookupError(readout)

    return compute


def gain_on_inputs(
    pick: Callable[[Sequence[float]], float], method: str = "classifier", *, tables: bool = False
) -> Number:
    """Of study `domains`, with ten labels per class: by how much a method is above whichever of
    ridge and logistic regression of the inputs is better, on the held-out sets or the tables among
    them. Features are read by the better of the two as well."""

    def best(accuracy: dict, at: int) -> float:
        return max(float(np.mean(readout[at])) for readout in accuracy.values())

    def gain(methods: dict, at: int) -> float:
        return best(methods[method]["accuracy"], at) - best(methods["raw"]["accuracy"], at)

    def compute() -> float:
        return pick(
            [
                gain(entry["methods"], entry["labels"].index(10))
                for name, entry in results("domains/domains")["sets"].items()
                if entry["role"] == "report" and not (tables and name in FIGURES)
            ]
        )

    return compute


DOMAINS = (
    Claim(
        "README.md",
        "one, `dry_bean`, where it is {} below them",
        (domain_loss("dry_bean", "rule-all", "raw"),),
    ),
    Claim(
        "README.md",
        "with a mean rank of {} before the denoising autoencoder's {}.",
        (domain_rank("rule-all", "logistic"), domain_rank("dae", "logistic")),
    ),
    Claim(
        "README.md",
        "With two labels it is on three, and {} below them on one of these",
        (domain_loss("ge_christensen", "rule-all", "raw", labels=2),),
    ),
    Claim(
        "README.md",
        "is {} above the better of ridge and logistic regression of the inputs on average, {} on "
        "the nineteen tables, and nowhere more than {} below it; a random network's layers and "
        "inputs, read by the better of the two, are {} below:",
        (
            gain_on_inputs(np.mean),
            gain_on_inputs(np.mean, tables=True),
            lambda: -gain_on_inputs(min)(),
            lambda: -gain_on_inputs(np.mean, "random-all")(),
        ),
    ),
)
