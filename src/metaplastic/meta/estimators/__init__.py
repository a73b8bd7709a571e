"""Gradient estimators, one a file. To add one: a new file, and a line in `ESTIMATORS`."""

from metaplastic.errors import unknown_name
from metaplastic.meta.estimators.es import FullEvolution
from metaplastic.meta.estimators.es_single import SingleEvolution
from metaplastic.meta.estimators.estimator import Estimate, Estimator
from metaplastic.meta.estimators.full import FullBackprop
from metaplastic.meta.estimators.late import LateBackprop
from metaplastic.meta.estimators.pes import PersistentEvolution
from metaplastic.meta.estimators.truncated import TruncatedBackprop

ESTIMATORS: dict[str, type[Estimator]] = {
    "truncated": TruncatedBackprop,
    "full": FullBackprop,
    "late": LateBackprop,
    "es": FullEvolution,
    "pes": PersistentEvolution,
    "es-single": SingleEvolution,
}


def get_estimator(name: str) -> type[Estimator]:
    """The estimator of that name; raises `ConfigError` on an unknown one."""
    if name not in ESTIMATORS:
        raise unknown_name("estimator", name, ESTIMATORS)
    return ESTIMATORS[name]


__all__ = [
    "ESTIMATORS",
    "Estimate",
    "Estimator",
    "FullBackprop",
    "FullEvolution",
    "LateBackprop",
    "PersistentEvolution",
    "SingleEvolution",
    "TruncatedBackprop",
    "get_estimator",
]
