"""Which meta-objective, and its settings, as configurations hold them."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from metaplastic.choice import Choice
from metaplastic.objectives.objective import Objective
from metaplastic.objectives.registry import OBJECTIVES
from metaplastic.registry import Registry
from metaplastic.setting_kinds import OneOf


class ObjectiveConfig(Choice):
    """A meta-objective by name, with settings of its own."""

    registry: ClassVar[Registry[type[Objective]]] = OBJECTIVES

    name: Annotated[str, OneOf(OBJECTIVES)] = Field(default="ridge", description="which one")

    def describe(self) -> str:
        """Its name, what its loss is and its units, for axes and cards."""
        return f"{self.name}: {self.make().measure}"

    def make(self) -> Objective:
        """The meta-objective."""
        return OBJECTIVES.get(self.name)(**self.settings)
