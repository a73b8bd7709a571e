"""Gradient estimators, one per file. To add one, add a file and a line to `ESTIMATORS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy
from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.meta.estimators.estimator import Estimate, Estimator

_PACKAGE = "metaplastic.meta.estimators"

ESTIMATORS: Registry[type[Estimator]] = Registry(
    "estimator",
    {
        "truncated": f"{_PACKAGE}.truncated:TruncatedBackprop",
        "full": f"{_PACKAGE}.full:FullBackprop",
        "late": f"{_PACKAGE}.late:LateBackprop",
        "es": f"{_PACKAGE}.es:FullEvolution",
        "pes": f"{_PACKAGE}.pes:PersistentEvolution",
        "es-single": f"{_PACKAGE}.es_single:SingleEvolution",
    },
    group="estimators",
    base="metaplastic.meta.estimators.estimator:Estimator",
)

__getattr__ = lazy.exports(
    __name__,
    {
        "Estimate": f"{_PACKAGE}.estimator",
        "Estimator": f"{_PACKAGE}.estimator",
        "FullEvolution": f"{_PACKAGE}.es",
        "SingleEvolution": f"{_PACKAGE}.es_single",
        "FullBackprop": f"{_PACKAGE}.full",
        "LateBackprop": f"{_PACKAGE}.late",
        "PersistentEvolution": f"{_PACKAGE}.pes",
        "TruncatedBackprop": f"{_PACKAGE}.truncated",
    },
)

__all__ = ["ESTIMATORS", "Estimate", "Estimator"]
