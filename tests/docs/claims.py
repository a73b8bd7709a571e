"""The results from which the numbers of each page come.

A claim is a piece of a page with `{}` in place of each number, and for each number a function of
the results that is called when the claim is checked. A number may be rounded to the digits that the
page shows.
"""

from __future__ import annotations

import numpy as np
from tests.docs.claims_of_domains import DOMAINS
from tests.docs.claims_of_learned import LEARNED, SEED
from tests.docs.claims_of_networks import NETWORKS
from tests.docs.claims_of_performance import PERFORMANCE
from tests.docs.claims_of_scaling import SCALING
from tests.docs.numbers import (
    Claim,
    Number,
    above,
    amount,
    both,
    gains_of_activations,
    labels,
    mean,
    most_lost_longer,
    results,
    rung_on_text,
    sampling,
    text,
    text_baseline,
    value,
)

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
        "for CIFAR-10, its first {} images; for digits, which has none, the last {})",
        tuple(value("datasets", "datasets", a, "data", "test") for a in ("cifar10", "digits")),
    ),
    Claim("README.md", "the rule loses at most {} on four sets of images", (most_lost_longer,)),
    Claim(
        "README.md",
        "On text it reaches {}, a random network {}, the autoencoder {} and PCA {} "
        "(`results/text.png`)",
        (text(80)[0], text(0)[0], text_baseline("dae"), text_baseline("pca")),
    ),
    Claim(
        "README.md",
        "At 16×16 it is below k-means, with 32 features ({}) and 512 ({}; the rule {})",
        tuple(mean(method, "imagenet@16") for method in ("kmeans", "kmeans-512", "rule")),
    ),
    Claim(
        "README.md",
        "level at 14×14 and {} above the rule at 28×28",
        (lambda: -above("kmeans-512", "fashion_mnist", "thirty/datasets")[0](),),
    ),
    Claim(
        "README.md",
        "by only {} to {} with tanh, sigmoid, sin and step",
        (gains_of_activations(min), gains_of_activations(max)),
    ),
    Claim(
        "README.md",
        "right {} ± {} of the time, compared with {} ± {} for a denoising autoencoder and {} ± {} "
        "for the raw pixels. From 50 per class on, k-means with 512 features is above it ({} ± {} "
        "compared with {} ± {}), and with 100, supervised training too ({} ± {} compared with {} ± "
        "{}). All layers and inputs together, which `PlasticEncoder` reads by default, are better "
        "than the last layer from ten labels on ({} ± {} with 50), and worse below ({} ± {} with "
        "two):",
        (
            *labels("rule", 2),
            *labels("dae", 2),
            *labels("raw", 2),
            *labels("kmeans-512", 50),
            *labels("rule", 50),
            *labels("supervised", 100),
            *labels("rule", 100),
            *labels("rule-all", 50),
            *labels("rule-all", 2),
        ),
    ),
)


def beyond_horizon_on_text(*, fallen: bool = False) -> tuple[Number, Number]:
    """The difference on text between 160 and 80 inner steps of the shipped rule, seed by seed: mean
    and standard error; of the fall if `fallen`."""

    def differences() -> np.ndarray:
        curve = results("text")["curves"][-1]
        at = [curve["points"].index(step) for step in (80, 160)]
        before, after = np.array(curve["curve"])[:, at].T
        return before - after if fallen else after - before

    def error() -> float:
        return float(differences().std(ddof=1) / len(differences()) ** 0.5)

    return lambda: float(differences().mean()), error


METHOD = (
    Claim(
        "docs/method.md",
        "`results/text.json`: {}, below PCA ({}) |",
        (text(80)[0], text_baseline("pca")),
    ),
    Claim(
        "docs/method.md",
        "{} ± {} above for the one at meta-step 2,000",
        rung_on_text(2000),
    ),
    Claim(
        "docs/method.md",
        "to twice the horizon: {} after 80 steps, {} after 160 | not shown for the shipped rule: "
        "the difference is {} ± {}. Of the rungs of preset `seed`, which saw images alone, the one "
        "after 50 meta-steps falls from {} ± {} above the random network after 150 inner steps to "
        "{} ± {} after 300, the one after 20 rises from {} ± {} to {} ± {},",
        (
            text(80)[0],
            text(160)[0],
            *beyond_horizon_on_text(),
            *(
                number
                for rung in (50, 20)
                for step in (150, 300)
                for number in rung_on_text(rung, step, "seed/text")
            ),
        ),
    ),
)

_BEYOND = "../research/results/longer-autoencoder/beyond"

STUDIES = (
    Claim(
        "docs/studies.md",
        "where they change the mean by {} to {} (`python -m research.beyond_grid`",
        tuple(value(_BEYOND, "searches", i, "gain") for i in (0, 2)),
    ),
    Claim(
        "docs/studies.md",
        "Read as `rule-all`, the rule has {} on digits, {} on MNIST-14 and {} on Fashion-14; read "
        "at the last layer, {}, {} and {}",
        tuple(
            mean(method, address, "contest/datasets")
            for method in ("rule-all", "rule")
            for address in ("digits", "mnist@14", "fashion_mnist@14")
        ),
    ),
    Claim(
        "docs/studies.md",
        "With minibatches of 16 it reaches {}; with 256, the size at the end of its meta-training, "
        "{}. On 100 unlabelled rows it reaches {}, below the inputs ({}) and PCA ({}); on 1,000, "
        "already {}. With 8 features it reaches {}, PCA {}.",
        (
            amount("batch_size", 16),
            amount("batch_size", 256),
            amount("unlabelled", 100),
            amount("unlabelled", 100, "raw"),
            amount("unlabelled", 100, "pca"),
            amount("unlabelled", 1000),
            amount("n_features", 8),
            amount("n_features", 8, "pca"),
        ),
    ),
    Claim(
        "docs/studies.md",
        "The rule has {} with pixels in place and {} reordered. The prototypical network "
        "meta-trained on intact pixels falls from {} to {}, below the random network's {} (which "
        "is read by ridge regression instead): it consists of weights for pixels in fixed "
        "positions. Meta-trained on permuted pixels, it has {} and {}:",
        tuple(
            value("permutation", "datasets", "digits@14", "methods", method, order, "mean")
            for method, order in (
                ("rule", "intact"),
                ("rule", "permuted"),
                ("prototypical-perceptron-intact", "intact"),
                ("prototypical-perceptron-intact", "permuted"),
                ("random", "permuted"),
                ("prototypical-perceptron-permuted", "intact"),
                ("prototypical-perceptron-permuted", "permuted"),
            )
        ),
    ),
    Claim(
        "docs/studies.md",
        "the rule gains {} ± {} on IMDB after 80 inner steps; after 2,000 it gains {} ± {}:",
        (*rung_on_text(500), *rung_on_text(2000)),
    ),
    Claim(
        "docs/studies.md",
        "came back: {} ± {} after 3,411 meta-steps, {} ± {} after 5,311",
        (*rung_on_text(3411), *rung_on_text(5311)),
    ),
    Claim(
        "docs/studies.md",
        "does not gain, and hardly falls: {} after 100 inner steps, {} after 160, which is {} ± {} "
        "below its {} after 80",
        (text(100)[0], text(160)[0], *beyond_horizon_on_text(fallen=True), text(80)[0]),
    ),
    Claim(
        "docs/studies.md",
        "the inputs reach {}, the random network {} and the rule's features {} ± {}",
        (
            value("representation", "datasets", "two_moons", "accuracy_of_inputs", "mean"),
            *(
                value("representation", "datasets", "two_moons", "stages", *path)
                for path in (
                    (0, "accuracy_summary", "mean"),
                    (1, "accuracy_summary", "mean"),
                    (1, "accuracy_summary", "standard_error"),
                )
            ),
        ),
    ),
)

_IMAGES = ("mnist", "fashion_mnist", "cifar10")


def _before_and_after(topology: str, *addresses: str) -> tuple[Number, ...]:
    """Return mean and error of the random network, then of the rule, on each data set."""
    methods = (f"random-{topology}", topology)
    return tuple(n for a in addresses for m in methods for n in both(m, a, "topologies"))


def _of(method: str) -> tuple[Number, ...]:
    return tuple(number for a in _IMAGES for number in both(method, a, "topologies"))


TOPOLOGIES = (
    Claim(
        "docs/studies.md",
        "residual networks: from {} ± {} to {} ± {} on MNIST, from {} ± {} to {} ± {} on "
        "Fashion-MNIST and from {} ± {} to {} ± {} on CIFAR-10, each just below the perceptron "
        "({} ± {}, {} ± {} and {} ± {})",
        (*_before_and_after("residual", *_IMAGES), *_of("perceptron")),
    ),
    Claim(
        "docs/studies.md",
        "to convolutions: from {} ± {} to {} ± {} on MNIST, from {} ± {} to {} ± {} on CIFAR-10, "
        "and down on Fashion-MNIST, from {} ± {} to {} ± {}. k-means of patches is first on all "
        "three ({} ± {}, {} ± {} and {} ± {}), and k-means of whole images second on "
        "Fashion-MNIST ({} ± {})",
        (
            *_before_and_after("convolution", "mnist", "cifar10", "fashion_mnist"),
            *_of("kmeans-patches"),
            *both("kmeans", "fashion_mnist", "topologies"),
        ),
    ),
)

CLAIMS = (
    *README,
    *DOMAINS,
    *SCALING,
    *METHOD,
    *LEARNED,
    *STUDIES,
    *TOPOLOGIES,
    *PERFORMANCE,
    *NETWORKS,
    *SEED,
)
