"""Meta-objectives: pure functions of features and targets, one per file.

A meta-objective is called with the features and targets of two labelled batches and returns a
scalar that is differentiable in the features. To add one, write a new file and add a line to
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

_PACKAGE = "metaplastic.objectives"

__getattr__ = lazy.exports(
    __name__,
    {
        "Layers": f"{_PACKAGE}.objective",
        "Objective": f"{_PACKAGE}.objective",
        "ObjectiveConfig": f"{_PACKAGE}.config",
        "Ridge": f"{_PACKAGE}.ridge",
        "TunedRidge": f"{_PACKAGE}.tuned_ridge",
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
