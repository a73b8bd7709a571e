"""A choice from a registry with settings of its own, as configurations hold it."""

# annotations are not strings here: older pydantic would look them up where a subclass is defined
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from metaplastic.errors import ConfigError
from metaplastic.registry import Registry
from metaplastic.settings import SettingsError, validated


class Choice(BaseModel):
    """An entry of `registry` by name, with those of its settings that are not its defaults.

    The name alone, as a string, means the default settings, and is what is recorded
    of one that has them. Entries have a `Settings`, a pydantic model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    registry: ClassVar[Registry[Any]]

    name: str = Field(description="which one")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="its own, as far as they are not its defaults"
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            settings = validated(self.registry.get(self.name).Settings, self.settings)
        except SettingsError as error:
            raise error.below("settings") from None
        except ConfigError as error:
            raise ValueError(str(error)) from None
        kept = settings.model_dump(mode="json", exclude_defaults=True)
        object.__setattr__(self, "settings", kept)
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.settings else self.name
