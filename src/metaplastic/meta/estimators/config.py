"""Which gradient estimator a run has, and the estimator's own settings."""

from __future__ import annotations

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from metaplastic.errors import ConfigError, config_error
from metaplastic.meta.estimators import get_estimator


class EstimatorConfig(BaseModel):
    """An estimator by name, with those of its settings that are not its defaults.

    Written and read as the name alone where there are none: `estimator = "pes"`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "truncated"
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            get_estimator(name)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return name

    @field_validator("settings")
    @classmethod
    def _allowed(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "name" not in info.data:  # which is an error of its own
            return settings
        model = get_estimator(info.data["name"]).Settings
        try:
            return model(**settings).model_dump(exclude_defaults=True)
        except ValidationError as error:
            what = f"settings of estimator {info.data['name']!r}"
            raise ValueError(str(config_error(error, what))) from None

    @model_serializer(mode="wrap")
    def _as_name(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.settings else self.name
