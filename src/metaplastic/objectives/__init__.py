"""Meta-objectives: pure functions of features and targets, one a file.

A meta-objective is called with the features and targets of two labelled batches and returns a
scalar that is differentiable in the features. To add one: a new file, and a line in `OBJECTIVES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from metaplastic import lazy
from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.objectives.ridge import Ridge
    from metaplastic.objectives.tuned_ridge import TunedRidge

Objective = Callable[..., Any]

OBJECTIVES: Registry[Callable[..., Objective]] = Registry(
    "meta-objective",
    {
        "ridge": "metaplastic.objectives.ridge:Ridge",
        "tuned-ridge": "metaplastic.objectives.tuned_ridge:TunedRidge",
    },
)

__getattr__ = lazy.exports(
    __name__,
    {
        "Ridge": "metaplastic.objectives.ridge",
        "TunedRidge": "metaplastic.objectives.tuned_ridge",
    },
)


def make_objective(name: str, **settings: Any) -> Objective:
    """The meta-objective of that name; raises `ConfigError` on an unknown one."""
    return OBJECTIVES.get(name)(**settings)


__all__ = ["OBJECTIVES", "Objective", "Ridge", "TunedRidge", "make_objective"]
