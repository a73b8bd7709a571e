"""Meta-objectives: pure functions of features and targets, one a file.

A meta-objective is called with the features and targets of two labelled batches and returns a
scalar that is differentiable in the features. To add one: a new file, and a line in
`metaplastic.objectives.registry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy
from metaplastic.objectives.registry import OBJECTIVES, make_objective

if TYPE_CHECKING:
    from metaplastic.objectives.config import ObjectiveConfig
    from metaplastic.objectives.objective import Layers, Objective
    from metaplastic.objectives.ridge import Ridge
    from metaplastic.objectives.tuned_ridge import TunedRidge

_ROOM = "metaplastic.objectives"

__getattr__ = lazy.exports(
    __name__,
    {
        "Layers": f"{_ROOM}.objective",
        "Objective": f"{_ROOM}.objective",
        "ObjectiveConfig": f"{_ROOM}.config",
        "Ridge": f"{_ROOM}.ridge",
        "TunedRidge": f"{_ROOM}.tuned_ridge",
    },
)

__all__ = [
    "OBJECTIVES",
    "Layers",
    "Objective",
    "ObjectiveConfig",
    "Ridge",
    "TunedRidge",
    "make_objective",
]
