"""Which meta-objective, and its settings, as configurations hold them."""

from __future__ import annotations

from typing import ClassVar

from metaplastic.choice import Choice
from metaplastic.objectives.objective import Objective
from metaplastic.objectives.registry import OBJECTIVES
from metaplastic.registry import Registry


class ObjectiveConfig(Choice):
    """A meta-objective by name, with settings of its own."""

    registry: ClassVar[Registry[type[Objective]]] = OBJECTIVES

    name: str = "ridge"

    def make(self) -> Objective:
        """The meta-objective."""
        return OBJECTIVES.get(self.name)(**self.settings)
