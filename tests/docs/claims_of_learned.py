"""The claims about what meta-training has learned; see `claims.py`."""

from __future__ import annotations

from collections.abc import Callable

from tests.docs.numbers import (
    Claim,
    Number,
    of_theta,
    results,
    rung_on_text,
    term_weights,
    text,
    times,
    value,
)

IMAGES = ("digits", "mnist@14", "fashion_mnist@14")


def _cost(name: str, address: str) -> Number:
    """By how much the shipped rule is above a method of study `learned`."""
    return value("learned", "datasets", address, "methods", name, "paired", "mean")


def _briefly(name: str, address: str) -> Number:
    """The accuracy of a rule that was meta-trained briefly."""
    return value("seeds/learned", "datasets", address, "methods", f"given-{name}", "mean")


def _without(address: str, pick: Callable[[list[float]], float]) -> Number:
    """The least or greatest accuracy of rules meta-trained briefly without a part."""

    def compute() -> float:
        methods = results("seeds/learned")["datasets"][address]["methods"]
        names = [n for n in methods if n.startswith("given-without-")] + ["given-constant-step"]
        return pick([methods[name]["mean"] for name in names])

    return compute


def _short_runs(
    group: str, name: str, horizon: int, pick: Callable[[list[float]], float]
) -> Number:
    """The least or greatest validation accuracy of short runs that differ in their meta-seed."""

    def compute() -> float:
        runs = results(f"short/{group}")["runs"][name].values()
        return pick([run["validation_accuracy"][str(horizon)] for run in runs])

    return compute


def _of_seeds(name: str, address: str, pick: Callable[[list[float]], float]) -> Number:
    """The least or greatest accuracy of rules that differ in their meta-seed."""

    def compute() -> float:
        members = results("seeds/learned")["datasets"][address]["methods"][name]["members"]
        return pick([member["mean"] for member in members])

    return compute


def _rung(meta_steps: int, address: str) -> Number:
    return value("learned", "datasets", address, "methods", f"rung-{meta_steps}", "mean")


def _first_theta(address: str) -> Number:
    """The accuracy of θ as the shipped rule's run began."""
    return value("meta-training", "datasets", address, "curves", 0, "summary", -1, "mean")


def _first_theta_on_text() -> float:
    first = results("text")["curves"][0]
    return first["summary"][first["points"].index(80)]["mean"]


_OF_MNIST = ("datasets", "mnist@14", "methods")
SWITCHED_OFF = "seeds/switched-off/learned"


def _costs(methods: tuple[str, ...], part: str, scale: float = 1.0) -> tuple[Number, Number]:
    """What switching a part off costs the rule of 100 meta-steps: mean and standard error."""
    at = (SWITCHED_OFF, *methods, f"without-{part}", "paired")
    return times(value(*at, "mean"), scale), value(*at, "standard_error")


LEARNED = (
    Claim(
        "docs/method.md",
        "validation accuracy {} to {} (random {} to {}), and on held-out data worse than θ as "
        "drawn (`results/seeds/learned.json`); with cosine distance {} to {}",
        (
            _short_runs("distances", "squared", 60, min),
            _short_runs("distances", "squared", 60, max),
            _short_runs("distances", "squared", 0, min),
            _short_runs("distances", "squared", 0, max),
            _short_runs("distances", "cosine", 60, min),
            _short_runs("distances", "cosine", 60, max),
        ),
    ),
    Claim(
        "README.md",
        "raised the step size to {} times its initial value, of at most {}.",
        (of_theta("step_factor", "weights"), of_theta("step_factor", "most")),
    ),
    Claim(
        "README.md",
        "{} of {} on digits, {} of {} on MNIST, {} of {} on Fashion-MNIST and {} of {} on IMDB are "
        "missing at meta-step 0",
        tuple(
            _cost(name, address)
            for address in ("digits", "mnist@14", "fashion_mnist@14", "imdb")
            for name in ("meta-step-0", "random")
        ),
    ),
    Claim(
        "README.md",
        "competition between units costs most on images ({} on MNIST; on Fashion-MNIST nothing of "
        "the gain remains) and the learned term on text ({}); switching off the error signal costs "
        "{} on MNIST and {} on IMDB",
        (
            _cost("without-lateral", "mnist@14"),
            _cost("without-low_rank", "imdb"),
            _cost("without-error", "mnist@14"),
            _cost("without-error", "imdb"),
        ),
    ),
    Claim(
        "docs/studies.md",
        "{} on digits and {} on MNIST-14 three meta-steps before the end, {} on Fashion-14",
        (_rung(5308, "digits"), _rung(5308, "mnist@14"), _rung(4807, "fashion_mnist@14")),
    ),
    Claim(
        "docs/studies.md",
        "its own first θ reaches {} on digits, {}, {} and {} on IMDB, so on Fashion-14",
        (*(_first_theta(address) for address in IMAGES), _first_theta_on_text),
    ),
    Claim(
        "docs/studies.md",
        "(`cosine`) span {} to {} on digits, {} to {} on MNIST-14 and {} to {} on Fashion-14",
        tuple(
            _of_seeds("given-cosine", address, pick) for address in IMAGES for pick in (min, max)
        ),
    ),
    Claim(
        "docs/studies.md",
        "the parts of the shipped rule and span {} to {} on MNIST-14 and {} to {} on Fashion-14",
        tuple(
            value("learned", "datasets", address, "methods", "meta-step-0", "between_rules", bound)
            for address in ("mnist@14", "fashion_mnist@14")
            for bound in ("least", "most")
        ),
    ),
    Claim(
        "docs/studies.md",
        "a rule reaches {} to {} on digits, {} to {} on MNIST-14 and {} to {} on Fashion-14; with "
        "all parts {}, {} and {}.",
        (
            *(_without(address, pick) for address in IMAGES for pick in (min, max)),
            *(_briefly("whole", address) for address in IMAGES),
        ),
    ),
    Claim(
        "docs/studies.md",
        "rules have {} on digits and {} on MNIST-14, above the random network, but {} on "
        "Fashion-14, less than it ({}), and less than θ as drawn on all three ({}, {} and {} in "
        "one draw of the same settings, `results/seeds/switched-off/`)",
        (
            *(_briefly("squared", address) for address in IMAGES),
            value("seeds/learned", "datasets", "fashion_mnist@14", "methods", "random", "mean"),
            *(
                value(SWITCHED_OFF, "datasets", address, "methods", "meta-step-0", "mean")
                for address in IMAGES
            ),
        ),
    ),
    Claim(
        "docs/studies.md",
        "On MNIST-14 the subspace term then costs {} ± {} and competition {} ± {}, and no other "
        "part costs anything: without the error signal the rule is better by {} ± {}, and on "
        "digits it is better without annealing by {} ± {}.",
        (
            *_costs(_OF_MNIST, "subspace"),
            *_costs(_OF_MNIST, "lateral"),
            *_costs(_OF_MNIST, "error", -1.0),
            *_costs(("datasets", "digits", "methods"), "annealing", -1.0),
        ),
    ),
    Claim(
        "docs/studies.md",
        "differ only in their meta-seed: they reach {} to {} on digits, {} to {} on MNIST-14 and "
        "{} to {} on Fashion-14",
        tuple(
            value("seeds/learned", "datasets", address, "methods", "given-short", *bound)
            for address in ("digits", "mnist@14", "fashion_mnist@14")
            for bound in (("between_rules", "least"), ("between_rules", "most"))
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


def _seed(address: str, name: str) -> Number:
    return value("seed/learned", "datasets", address, "methods", name, "mean")


SEED = (
    Claim("README.md", "a rule reaches {} there", (text(150, "seed/text")[0],)),
    Claim(
        "docs/method.md",
        "study `text`: {} ± {} above for preset `seed` after 600 meta-steps, {} ± {} for our own "
        "checkpoint at meta-step 500",
        (*rung_on_text(600, 150, "seed/text"), *rung_on_text(500)),
    ),
    Claim(
        "docs/studies.md",
        "from {} ± {} at meta-step 0 to {} ± {} after 200 and {} ± {} after 600 meta-steps, at the "
        "horizon of 150 inner steps: nearly the paper's 10 %, from {} to {}, level with the inputs "
        "({}) and below PCA ({}).",
        (
            *(n for rung in (0, 200, 600) for n in rung_on_text(rung, 150, "seed/text")),
            value("seed/text", "rivals", "random", "mean"),
            text(150, "seed/text")[0],
            value("seed/text", "rivals", "raw", "mean"),
            value("seed/text", "rivals", "pca", "mean"),
        ),
    ),
    Claim(
        "docs/studies.md",
        "{} ± {} after 188 inner steps, {} ± {} after 300.",
        (*rung_on_text(600, 188, "seed/text"), *rung_on_text(600, 300, "seed/text")),
    ),
    Claim(
        "docs/studies.md",
        "has {} on digits, {} on MNIST-14 and {} on Fashion-14 after 80 inner steps; the shipped "
        "rule {}, {} and {}, after nine times",
        tuple(_seed(address, name) for name in ("given-seed", "rule") for address in IMAGES),
    ),
)
