"""Accuracy along the inner loop, as results files hold it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.evaluation import results
from metaplastic.evaluation.named_rule import NamedRule
from metaplastic.evaluation.protocol import FewShotConfig


def eighths(far: int) -> tuple[int, ...]:
    """0, 1/32, 1/16 and all eighths of the way: curves rise early."""
    parts = (0, 1 / 32, 1 / 16, *(i / 8 for i in range(1, 9)))
    return tuple(sorted({round(far * part) for part in parts}))


def curve_of(
    rule: NamedRule, curve: NDArray[np.float64], config: FewShotConfig, **more: Any
) -> dict[str, Any]:
    """(seeds, points) accuracies with their means and standard errors."""
    return {
        "label": rule.label,
        "meta_steps": rule.meta_steps,
        "fingerprint": rule.fingerprint,
        "points": list(config.steps),
        "curve": curve.tolist(),
        "summary": [results.mean_and_error(list(column)) for column in curve.T],
        **more,
    }
