"""The meta-objectives by name. To add one, write a new file and add a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.objectives.objective import Objective

_PACKAGE = "metaplastic.objectives"

OBJECTIVES: Registry[type[Objective]] = Registry(
    "meta-objective",
    {
        "ridge": f"{_PACKAGE}.ridge:Ridge",
        "tuned-ridge": f"{_PACKAGE}.tuned_ridge:TunedRidge",
        "logistic": f"{_PACKAGE}.logistic:Logistic",
        "nearest-mean": f"{_PACKAGE}.nearest_mean:NearestMean",
        "regression": f"{_PACKAGE}.regression:Regression",
        "retrieval": f"{_PACKAGE}.retrieval:Retrieval",
    },
    group="objectives",
    base=f"{_PACKAGE}.objective:Objective",
)


def make_objective(name: str, **settings: Any) -> Objective:
    """Make the named meta-objective with these settings. Raises `ConfigError` on an unknown name or
    setting."""
    return OBJECTIVES.get(name)(**settings)
