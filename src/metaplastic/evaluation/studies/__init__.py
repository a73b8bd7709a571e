"""Studies, one per file. To add one, write a new file and add a line to `STUDIES`.

A study names the module of its figure, or uses the default one; see `Study`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaplastic import lazy
from metaplastic.registry import Registry

if TYPE_CHECKING:
    from metaplastic.evaluation.studies.context import Context
    from metaplastic.evaluation.studies.study import Study

_PACKAGE = "metaplastic.evaluation.studies"

STUDIES: Registry[type[Study]] = Registry(
    "study",
    {
        "datasets": f"{_PACKAGE}.datasets:Datasets",
        "domains": f"{_PACKAGE}.domains:Domains",
        "text": f"{_PACKAGE}.text:Text",
        "architectures": f"{_PACKAGE}.architectures:Architectures",
        "topologies": f"{_PACKAGE}.topologies:Topologies",
        "filters": f"{_PACKAGE}.filters:Filters",
        "representation": f"{_PACKAGE}.representation:Representation",
        "mismatch": f"{_PACKAGE}.mismatch:Mismatch",
        "meta-training": f"{_PACKAGE}.meta_training:MetaTraining",
        "labels": f"{_PACKAGE}.labels:Labels",
        "learned": f"{_PACKAGE}.learned:Learned",
        "permutation": f"{_PACKAGE}.permutation:Permutation",
        "amounts": f"{_PACKAGE}.amounts:Amounts",
    },
    group="studies",
    base="metaplastic.evaluation.studies.study:Study",
    named_by="name",
)

__getattr__ = lazy.exports(__name__, {"Context": f"{_PACKAGE}.study", "Study": f"{_PACKAGE}.study"})


def make_study(name: str, context: Context, **settings: Any) -> Study:
    """Make the study of that name. Raises `ConfigError` if the name or a setting is invalid."""
    return STUDIES.get(name)(context, **settings)


__all__ = ["STUDIES", "Context", "Study", "make_study"]
