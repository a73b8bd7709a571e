"""The choice of a gradient estimator and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from metaplastic.choice import Choice
from metaplastic.meta.estimators import ESTIMATORS
from metaplastic.registry import Registry
from metaplastic.setting_kinds import OneOf

if TYPE_CHECKING:
    from metaplastic.meta.estimators.estimator import Estimator


class EstimatorConfig(Choice):
    """The name of a gradient estimator, with its settings."""

    registry: ClassVar[Registry[type[Estimator]]] = ESTIMATORS

    name: Annotated[str, OneOf(ESTIMATORS)] = Field(
        default="truncated", description="the gradient estimator"
    )
