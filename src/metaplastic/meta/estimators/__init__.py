"""Gradient estimators, one a file. To add one: a new file, and a line in `ESTIMATORS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy
from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.meta.estimators.estimator import Estimate, Estimator
    from metaplastic.meta.estimators.full import FullBackprop
    from metaplastic.meta.estimators.late import LateBackprop
    from metaplastic.meta.estimators.truncated import TruncatedBackprop

ESTIMATORS: Registry[type[Estimator]] = Registry(
    "estimator",
    {
        "truncated": "metaplastic.meta.estimators.truncated:TruncatedBackprop",
        "full": "metaplastic.meta.estimators.full:FullBackprop",
        "late": "metaplastic.meta.estimators.late:LateBackprop",
    },
)

__getattr__ = lazy.exports(
    __name__,
    {
        "Estimate": "metaplastic.meta.estimators.estimator",
        "Estimator": "metaplastic.meta.estimators.estimator",
        "FullBackprop": "metaplastic.meta.estimators.full",
        "LateBackprop": "metaplastic.meta.estimators.late",
        "TruncatedBackprop": "metaplastic.meta.estimators.truncated",
    },
)


def get_estimator(name: str) -> type[Estimator]:
    """The estimator of that name; raises `ConfigError` on an unknown one."""
    return ESTIMATORS.get(name)


__all__ = [
    "ESTIMATORS",
    "Estimate",
    "Estimator",
    "FullBackprop",
    "LateBackprop",
    "TruncatedBackprop",
    "get_estimator",
]
