"""Accuracy along the inner loop, in the format of results files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.evaluation import results
from metaplastic.evaluation.named_rule import NamedRule
from metaplastic.evaluation.protocol import FewShotConfig


def eighths(last: int) -> tuple[int, ...]:
    """Return 0, 1/32, 1/16 and all eighths of `last` steps; the early points resolve the rise."""
    fractions = (0, 1 / 32, 1 / 16, *(i / 8 for i in range(1, 9)))
    return tuple(sorted({round(last * fraction) for fraction in fractions}))


def curve_of(
    rule: NamedRule, curve: NDArray[np.float64], config: FewShotConfig, **extra: Any
) -> dict[str, Any]:
    """Build an entry of accuracies (seeds, points) with means and errors, and add `extra`."""
    return {
        "label": rule.label,
        "meta_steps": rule.meta_steps,
        "fingerprint": rule.fingerprint,
        "points": list(config.steps),
        "curve": curve.tolist(),
        "summary": [results.mean_and_error(list(column)) for column in curve.T],
        **extra,
    }
