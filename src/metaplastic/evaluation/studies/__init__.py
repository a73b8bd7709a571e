"""Studies, one a file. To add one: a new file, a line in `_ALL`, and its figure in `figures/`."""

from __future__ import annotations

from typing import Any

from metaplastic.errors import unknown_name
from metaplastic.evaluation.studies.architectures import Architectures
from metaplastic.evaluation.studies.datasets import Datasets
from metaplastic.evaluation.studies.domains import Domains
from metaplastic.evaluation.studies.filters import Filters
from metaplastic.evaluation.studies.labels import Labels
from metaplastic.evaluation.studies.meta_training import MetaTraining
from metaplastic.evaluation.studies.mismatch import Mismatch
from metaplastic.evaluation.studies.representation import Representation
from metaplastic.evaluation.studies.study import Context, Study
from metaplastic.evaluation.studies.text import Text

_ALL: tuple[type[Study], ...] = (
    Datasets,
    Domains,
    Text,
    Architectures,
    Filters,
    Representation,
    Mismatch,
    MetaTraining,
    Labels,
)

STUDIES: dict[str, type[Study]] = {study.name: study for study in _ALL}


def make_study(name: str, context: Context, **settings: Any) -> Study:
    """The study of that name; raises `ConfigError` on an unknown one or a setting not allowed."""
    if name not in STUDIES:
        raise unknown_name("study", name, STUDIES)
    return STUDIES[name](context, **settings)


__all__ = ["STUDIES", "Context", "Study", "make_study"]
