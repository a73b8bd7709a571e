"""Studies, one a file. To add one: a new file, and a line in `STUDIES`.

A study names the module of its figure, or has the plain one; see `Study`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaplastic import lazy
from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.evaluation.studies.context import Context
    from metaplastic.evaluation.studies.study import Study

_ROOM = "metaplastic.evaluation.studies"

STUDIES: Registry[type[Study]] = Registry(
    "study",
    {
        "datasets": f"{_ROOM}.datasets:Datasets",
        "domains": f"{_ROOM}.domains:Domains",
        "text": f"{_ROOM}.text:Text",
        "architectures": f"{_ROOM}.architectures:Architectures",
        "topologies": f"{_ROOM}.topologies:Topologies",
        "filters": f"{_ROOM}.filters:Filters",
        "representation": f"{_ROOM}.representation:Representation",
        "mismatch": f"{_ROOM}.mismatch:Mismatch",
        "meta-training": f"{_ROOM}.meta_training:MetaTraining",
        "labels": f"{_ROOM}.labels:Labels",
        "learned": f"{_ROOM}.learned:Learned",
        "permutation": f"{_ROOM}.permutation:Permutation",
        "amounts": f"{_ROOM}.amounts:Amounts",
    },
    group="studies",
    base="metaplastic.evaluation.studies.study:Study",
)

__getattr__ = lazy.exports(__name__, {"Context": f"{_ROOM}.study", "Study": f"{_ROOM}.study"})


def make_study(name: str, context: Context, **settings: Any) -> Study:
    """The study of that name; raises `ConfigError` on an unknown one or a setting not allowed."""
    return STUDIES.get(name)(context, **settings)


__all__ = ["STUDIES", "Context", "Study", "make_study"]
