"""The meta-objectives by name. To add one: a new file, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.objectives.objective import Objective

_ROOM = "metaplastic.objectives"

OBJECTIVES: Registry[type[Objective]] = Registry(
    "meta-objective",
    {
        "ridge": f"{_ROOM}.ridge:Ridge",
        "tuned-ridge": f"{_ROOM}.tuned_ridge:TunedRidge",
        "logistic": f"{_ROOM}.logistic:Logistic",
        "nearest-mean": f"{_ROOM}.nearest_mean:NearestMean",
        "regression": f"{_ROOM}.regression:Regression",
        "retrieval": f"{_ROOM}.retrieval:Retrieval",
    },
    group="objectives",
    base=f"{_ROOM}.objective:Objective",
)


def make_objective(name: str, **settings: Any) -> Objective:
    """The meta-objective of that name with these settings; raises `ConfigError` on an unknown name
    or setting."""
    return OBJECTIVES.get(name)(**settings)
