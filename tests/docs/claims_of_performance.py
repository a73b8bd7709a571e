"""The claims of the page on performance outside of its generated tables; see `claims.py`."""

from __future__ import annotations

import statistics

from tests.docs.numbers import Claim, Number, results, value

PAGE = "docs/performance.md"


def _small(name: str) -> Number:
    return value("first-fit", "small", name, "median")


def _ratio(*jobs: str) -> Number:
    first, second = (value("first-fit", "large", job) for job in jobs)
    return lambda: first() / second()


def _times(factor: float, job: str) -> Number:
    seconds = value("first-fit", "large", job)
    return lambda: factor * seconds()


def _minutes(variant: str) -> Number:
    return value("time-to-quality", "variants", variant, "core_minutes")


def _last(variant: str) -> Number:
    """The validation loss at the end of a variant, the median of its meta-seeds."""

    def compute() -> float:
        curves = results("time-to-quality")["variants"][variant]["curves"].values()
        return statistics.median(points[-1][1] for points in curves)

    return compute


_PHASES = ("import", "first fit", "second fit")
_ENCODER, _RBM = "PlasticEncoder, second fit", "BernoulliRBM, one pass"

PERFORMANCE = (
    Claim(PAGE, "it differentiated the whole unroll, {}.", (value("time-to-quality", "target"),)),
    Claim(
        PAGE,
        "| whole unroll, learning rate 3e-3 | {} | {} |",
        (_minutes("whole-unroll"), _last("whole-unroll")),
    ),
    Claim(PAGE, "at 6e-3, half of the meta-steps | not reached | {} |", (_last("half"),)),
    Claim(PAGE, "minibatches of 32 instead of 64 | not reached | {} |", (_last("small-batches"),)),
    Claim(PAGE, "| last 16 inner steps, 3e-3 | not reached | {} |", (_last("late"),)),
    Claim(
        PAGE,
        "| last 16 inner steps, 6e-3 | {} | {} |",
        (_minutes("late-twice-the-rate"), _last("late-twice-the-rate")),
    ),
    Claim(PAGE, "1.2e-2: preset `quick` | {} | {} |", (_minutes("preset"), _last("preset"))),
    Claim(
        PAGE,
        "importing scikit-learn, JAX and Equinox takes {} s, and the fit {} s, of which a second "
        "fit without compilation takes {} s",
        tuple(_small(f"PlasticEncoder, {phase}") for phase in _PHASES),
    ),
    Claim(PAGE, "nothing compiled yet | {} | 4 |", (_small("PlasticEncoder, empty cache"),)),
    Claim(PAGE, "| the same in a later process | {} | |", (_small("PlasticEncoder, cached"),)),
    Claim(PAGE, "in the same process | {} | 2 |", (_small("PlasticEncoder, second shape"),)),
    Claim(
        PAGE,
        "| PCA | {} | |\n| UMAP, nothing compiled yet | {} | |",
        (_small("PCA"), _small("UMAP")),
    ),
    Claim(
        PAGE,
        "second fit of a process | {} | {} and {} |",
        (value("first-fit", "large", _ENCODER), _times(3, _RBM), _times(0.1, "UMAP")),
    ),
    Claim(
        PAGE,
        "compilation included | {} | |",
        (value("first-fit", "large", "PlasticEncoder, first fit"),),
    ),
    Claim(PAGE, "| BernoulliRBM, one pass | {} | |", (value("first-fit", "large", _RBM),)),
    Claim(
        PAGE,
        "| PCA | {} | |\n| UMAP | {} | |",
        tuple(value("first-fit", "large", job) for job in ("PCA", "UMAP")),
    ),
    Claim(
        PAGE, "the ratios are {} and {} here", (_ratio(_ENCODER, _RBM), _ratio(_ENCODER, "UMAP"))
    ),
    *(
        Claim(
            PAGE,
            f"| {shape} | {{}} | {{}} |",
            tuple(
                value("inner-step", "milliseconds", f"{shape} rows", way)
                for way in ("blocks", "whole")
            ),
        )
        for shape in ("784-128-64-32, 256", "1413-128-64-32, 64", "196-10000-32, 64")
    ),
    Claim(
        PAGE,
        "| 20-128-128-32, 256 | | {} |",
        (value("inner-step", "milliseconds", "20-128-128-32, 256 rows", "whole"),),
    ),
    *(
        Claim(
            PAGE,
            f"| {shown} | {{}} ({{}} to {{}}) |",
            tuple(
                value("paired", "rows", quantity, key)
                for key in ("ratio", "lowest_ratio", "highest_ratio")
            ),
        )
        for shown, quantity in (
            *(
                (f"`{name}`, {what}", f"{name}, {what}")
                for name in ("small", "paper")
                for what in ("meta-gradient", "compilation")
            ),
            *((f"encoder, {what}",) * 2 for what in ("inner step", "compilation")),
        )
    ),
)
