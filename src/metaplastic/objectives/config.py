"""Which meta-objective, and its settings, as configurations hold them."""

from __future__ import annotations

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from metaplastic.errors import ConfigError, config_error
from metaplastic.objectives.objective import Objective
from metaplastic.objectives.registry import OBJECTIVES


class ObjectiveConfig(BaseModel):
    """A meta-objective by name, with settings of its own.

    The name alone, as a string, stands for it with the default settings, and is what is recorded
    of one that has them: settings that are the defaults are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "ridge"
    settings: dict[str, Any] = Field(
        default_factory=dict, description="those of the objective; see `metaplastic info`"
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _check(self) -> ObjectiveConfig:
        try:
            settings = OBJECTIVES.get(self.name).Settings(**self.settings)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        except ValidationError as error:
            raise ValueError(str(config_error(error, f"settings of {self.name!r}"))) from None
        kept = settings.model_dump(mode="json", exclude_defaults=True)
        object.__setattr__(self, "settings", kept)
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.settings else self.name

    def make(self) -> Objective:
        """The meta-objective."""
        return OBJECTIVES.get(self.name)(**self.settings)
