"""A configuration field that chooses an entry of a registry, with the entry's settings."""

# annotations are not strings here: older pydantic would resolve them in a subclass's module
from typing import Any, ClassVar, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from metaplastic.errors import ConfigError
from metaplastic.registry import Registry
from metaplastic.settings import SettingsError, SettingsModel, validated


class Choice(SettingsModel):
    """An entry of `registry` by name, with its settings that differ from the defaults.

    The bare name, as a string, means the default settings, and is also how a choice with default
    settings is recorded. Entries have a `Settings`, a pydantic model.
    """

    registry: ClassVar[Registry[Any]]

    name: str = Field(description="name of the entry")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="its settings that differ from their defaults"
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            settings = validated(self.registry.get(self.name).Settings, self.settings)
        except SettingsError as error:
            raise error.below("settings") from None
        except ConfigError as error:
            raise ValueError(str(error)) from None
        changed = settings.model_dump(mode="json", exclude_defaults=True)
        object.__setattr__(self, "settings", changed)
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.settings else self.name
