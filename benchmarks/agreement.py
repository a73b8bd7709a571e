"""Agreement of two gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def agreement(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, float]:
    """Compute the cosine of two gradients of θ and the relative norm of their difference."""
    one, other = (
        np.concatenate([np.ravel(np.asarray(g[name], np.float64)) for name in ours])
        for g in (ours, theirs)
    )
    norm = float(np.linalg.norm(one))
    return {
        "cosine": float(one @ other) / (norm * float(np.linalg.norm(other))),
        "relative_error": float(np.linalg.norm(one - other)) / norm,
    }
