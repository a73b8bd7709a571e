"""Settings of a few-shot evaluation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from metaplastic.base_model import ACTIVATIONS, ModelSpec
from metaplastic.setting_kinds import OneOf
from metaplastic.settings import Model, SettingsModel, validated


class FewShotConfig(SettingsModel):
    """The data set and the protocol of an evaluation, without the rule.

    Features are fitted on the training split without labels, the readout on `labels_per_class`
    labelled examples per class of that split; accuracy is measured on the whole test split.
    """

    dataset: str = Field("digits", min_length=1, description="address of a data set")
    labels_per_class: int = Field(10, ge=1, description="labelled examples per class")
    seeds: int = Field(10, ge=1, description="number of seeds")
    first_seed: int = Field(0, ge=0, description="the first of the consecutive seeds")
    hidden: tuple[int, ...] = Field((128, 64), description="units of the hidden layers")
    n_features: int = Field(32, ge=1, description="units of the top layer")
    activation: Annotated[str, OneOf(ACTIVATIONS)] = Field(
        "relu", description="activation of the base model"
    )
    batch_size: int = Field(64, ge=2, description="examples in an inner minibatch")
    inner_steps: int = Field(200, ge=0, description="applications of the rule")
    points: tuple[int, ...] = Field(
        (), description="inner steps after which accuracy is measured; none: every eighth"
    )
    layers: Literal["last", "all", "averaged"] = Field(
        "last",
        description="layers that are read out: the top layer; the inputs and every layer; or "
        "these also of rows averaged over their nearest unlabelled rows",
    )
    unlabelled: int | None = Field(
        None, ge=2, description="number of unlabelled examples used; none: all"
    )
    model: ModelSpec | None = Field(
        None,
        description="base model of the rule; hidden, n_features and activation then apply only "
        "to the baselines",
    )
    permuted: bool = Field(
        True, description="permute the inputs in each seed, which removes their spatial order"
    )

    @model_validator(mode="after")
    def _check(self) -> FewShotConfig:
        if any(units < 1 for units in self.hidden):
            raise ValueError(f"hidden {self.hidden}: every layer must have at least one unit")
        if any(point < 0 for point in self.points):
            raise ValueError(f"points {self.points}: inner steps must be 0 or more")
        if self.permuted and self.model is not None and len(self.model.inputs) > 1:
            raise ValueError("permuted: a base model that reads images requires permuted = false")
        return self

    @property
    def seed_list(self) -> tuple[int, ...]:
        """Return the seeds in order."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    @property
    def steps(self) -> tuple[int, ...]:
        """Return the inner steps after which accuracy is measured, increasing; 0 is before any."""
        if self.points:
            return tuple(sorted(set(self.points)))
        return tuple(sorted({round(self.inner_steps * i / 8) for i in range(9)}))


def settings(cls: type[Model], **values: Any) -> Model:
    """Build settings of that class. Raises `ConfigError` with one line if a value is invalid."""
    return validated(cls, values)
