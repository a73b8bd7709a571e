"""Meta-objectives: pure functions of features and targets, one a file.

A meta-objective is called with the features and targets of two labelled batches and returns a
scalar that is differentiable in the features. To add one: a new file, and a line in
`metaplastic.objectives.registry`.
"""

from metaplastic.objectives.config import ObjectiveConfig
from metaplastic.objectives.objective import Layers, Objective
from metaplastic.objectives.registry import OBJECTIVES, make_objective
from metaplastic.objectives.ridge import Ridge
from metaplastic.objectives.tuned_ridge import TunedRidge

__all__ = [
    "OBJECTIVES",
    "Layers",
    "Objective",
    "ObjectiveConfig",
    "Ridge",
    "TunedRidge",
    "make_objective",
]
