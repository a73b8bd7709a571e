"""Gradient estimators, one a file. To add one: a new file, and a line in `ESTIMATORS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy
from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.meta.estimators.estimator import Estimate, Estimator

_ROOM = "metaplastic.meta.estimators"

ESTIMATORS: Registry[type[Estimator]] = Registry(
    "estimator",
    {
        "truncated": f"{_ROOM}.truncated:TruncatedBackprop",
        "full": f"{_ROOM}.full:FullBackprop",
        "late": f"{_ROOM}.late:LateBackprop",
        "es": f"{_ROOM}.es:FullEvolution",
        "pes": f"{_ROOM}.pes:PersistentEvolution",
        "es-single": f"{_ROOM}.es_single:SingleEvolution",
    },
    group="estimators",
    base="metaplastic.meta.estimators.estimator:Estimator",
)

__getattr__ = lazy.exports(
    __name__,
    {
        "Estimate": f"{_ROOM}.estimator",
        "Estimator": f"{_ROOM}.estimator",
        "FullEvolution": f"{_ROOM}.es",
        "SingleEvolution": f"{_ROOM}.es_single",
        "FullBackprop": f"{_ROOM}.full",
        "LateBackprop": f"{_ROOM}.late",
        "PersistentEvolution": f"{_ROOM}.pes",
        "TruncatedBackprop": f"{_ROOM}.truncated",
    },
)

__all__ = ["ESTIMATORS", "Estimate", "Estimator"]
