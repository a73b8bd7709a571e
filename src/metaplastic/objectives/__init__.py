"""Meta-objectives: pure functions of features and targets, one a file.

A meta-objective is called with the features and targets of two labelled batches and returns a
scalar that is differentiable in the features. To add one: a new file, and a line in `OBJECTIVES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metaplastic.errors import unknown_name
from metaplastic.objectives.ridge import Ridge
from metaplastic.objectives.tuned_ridge import TunedRidge

Objective = Callable[..., Any]

OBJECTIVES: dict[str, Callable[..., Objective]] = {"ridge": Ridge, "tuned-ridge": TunedRidge}


def make_objective(name: str, **settings: Any) -> Objective:
    """The meta-objective of that name; raises `ConfigError` on an unknown one."""
    if name not in OBJECTIVES:
        raise unknown_name("meta-objective", name, OBJECTIVES)
    return OBJECTIVES[name](**settings)


__all__ = ["OBJECTIVES", "Objective", "Ridge", "TunedRidge", "make_objective"]
