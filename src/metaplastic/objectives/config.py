"""The choice of a meta-objective and its settings in a configuration."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from metaplastic.choice import Choice
from metaplastic.objectives.objective import Objective
from metaplastic.objectives.registry import OBJECTIVES
from metaplastic.registry import Registry
from metaplastic.setting_kinds import OneOf


class ObjectiveConfig(Choice):
    """The name of a meta-objective, with its settings."""

    registry: ClassVar[Registry[type[Objective]]] = OBJECTIVES

    name: Annotated[str, OneOf(OBJECTIVES)] = Field(
        default="ridge", description="the meta-objective"
    )

    def describe(self) -> str:
        """Return its name, and what its loss is in which units, for axis labels and cards."""
        return f"{self.name}: {self.make().measure}"

    def make(self) -> Objective:
        """Make the meta-objective."""
        return OBJECTIVES.get(self.name)(**self.settings)
