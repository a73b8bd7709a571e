"""The meta-objectives by name. To add one: a new file, and a line here."""

from __future__ import annotations

from typing import Any

from metaplastic.errors import unknown_name
from metaplastic.objectives.logistic import Logistic
from metaplastic.objectives.nearest_mean import NearestMean
from metaplastic.objectives.objective import Objective
from metaplastic.objectives.regression import Regression
from metaplastic.objectives.retrieval import Retrieval
from metaplastic.objectives.ridge import Ridge
from metaplastic.objectives.tuned_ridge import TunedRidge

OBJECTIVES: dict[str, type[Objective]] = {
    "ridge": Ridge,
    "tuned-ridge": TunedRidge,
    "logistic": Logistic,
    "nearest-mean": NearestMean,
    "regression": Regression,
    "retrieval": Retrieval,
}


def get_objective(name: str) -> type[Objective]:
    """The meta-objective of that name; raises `ConfigError` on an unknown one."""
    if name not in OBJECTIVES:
        raise unknown_name("meta-objective", name, OBJECTIVES)
    return OBJECTIVES[name]


def make_objective(name: str, **settings: Any) -> Objective:
    """The meta-objective of that name with these settings; raises `ConfigError` on an unknown name
    or setting."""
    return get_objective(name)(**settings)
