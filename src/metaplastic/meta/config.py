"""The typed configuration of a meta-training run."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import jax
from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from metaplastic import files
from metaplastic.choice import Choice
from metaplastic.errors import ConfigError
from metaplastic.meta.engines import ENGINES
from metaplastic.meta.estimators.config import EstimatorConfig
from metaplastic.meta.optimizer import OptimizerConfig
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.objectives import ObjectiveConfig
from metaplastic.registry import Registry
from metaplastic.rules import RULES, Rule, make_rule
from metaplastic.setting_kinds import OneOf
from metaplastic.settings import SettingsModel, validated
from metaplastic.tasks import TaskSpace, ends


class RuleConfig(Choice):
    """The rule and its settings. A string is read as the name of a rule with default settings."""

    registry: ClassVar[Registry[type[Rule]]] = RULES

    name: Annotated[str, OneOf(RULES)] = Field(
        default="local", description="the rule to meta-train"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="the settings of the rule that differ from its defaults",
        examples=[{"hidden": 32}],
    )
    start: str | None = Field(
        default=None,
        description="rule to start from: a file or the name of a shipped rule; if not set, a fresh "
        "rule; settings may ask for more hidden units than it has, which leaves its updates "
        "unchanged at the start",
        examples=["default"],
    )

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self)  # always a table, in which differences are named field by field

    def make(self, seed: int) -> Rule:
        """Make the rule with θ freshly drawn from a run's seed."""
        return make_rule(self.name, jax.random.key(seed), **self.settings)


class ValidationConfig(SettingsModel):
    """Few-shot accuracy on tasks whose classes are held out from meta-training."""

    every: int = Field(default=50, ge=1, description="meta-steps between validations")
    tasks: int = Field(
        default=4, ge=1, description="validation tasks per group, the same each time"
    )
    horizons: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        default=(0.0, 1.0),
        min_length=1,
        description="when accuracy is measured, in multiples of the longest horizon, ascending",
    )

    @field_validator("horizons")
    @classmethod
    def _ascend(cls, horizons: tuple[float, ...]) -> tuple[float, ...]:
        if any(b <= a for a, b in pairwise(horizons)):
            raise ValueError(
                f"give them in ascending order, each once, for example {sorted(set(horizons))} "
                f"(given {list(horizons)})"
            )
        return horizons


class AsynchronousConfig(SettingsModel):
    """How engine `ray` combines asynchronous gradients into updates."""

    gradients_per_step: int | None = Field(
        default=None,
        ge=1,
        description="gradients in each update of θ; as many as groups if not set",
    )
    max_staleness: int = Field(
        default=8,
        ge=0,
        description="most updates of θ since a gradient was requested; older gradients are dropped",
    )


class MetaTrainConfig(SettingsModel):
    """Everything that determines the result of a run."""

    seed: int = Field(default=0, ge=0, lt=2**32, description="seed of the whole run")
    rule: RuleConfig = Field(default=RuleConfig(), description="the rule to meta-train")
    objective: ObjectiveConfig = Field(
        default=ObjectiveConfig(),
        description="the meta-objective: the loss of a task that θ is trained to lower",
    )
    estimator: EstimatorConfig = Field(
        default=EstimatorConfig(), description="how the gradient of θ is estimated"
    )
    engine: Annotated[str, OneOf(ENGINES)] = Field(
        default="local", description="what computes the gradients: see the page on scaling"
    )
    asynchronous: AsynchronousConfig = Field(
        default=AsynchronousConfig(), description="how engine `ray` updates θ"
    )
    groups: int = Field(default=2, ge=1, description="groups of tasks, each with one architecture")
    tasks_per_group: int = Field(
        default=2, ge=1, description="tasks that advance together in a group"
    )
    tasks: TaskSpace = Field(default=TaskSpace(), description="the tasks to meta-train on")
    unroll: UnrollConfig = Field(default=UnrollConfig(), description="the inner loop")
    optimizer: OptimizerConfig = Field(
        default=OptimizerConfig(), description="how θ is updated from its gradient"
    )
    validation: ValidationConfig = Field(
        default=ValidationConfig(), description="accuracy on held-out classes during the run"
    )

    @model_validator(mode="after")
    def _check(self) -> MetaTrainConfig:
        labels = ends(self.tasks.labels_per_class)[1]
        needed = 2 * labels
        field = "labelled_apart" if self.tasks.labelled_apart else "examples_per_class"
        given = getattr(self.tasks, field)
        if given < needed:
            raise ValueError(
                f"tasks.{field} {given}: the meta-objective needs two batches of "
                f"labels_per_class {labels}, so at least {needed}"
            )
        rows = ends(self.tasks.n_classes)[0] * self.tasks.examples_per_class
        if self.unroll.neighbours >= rows:
            raise ValueError(
                f"unroll.neighbours {self.unroll.neighbours}: the smallest pool has {rows} rows, "
                "an example and its neighbours among them"
            )
        vectors = self.tasks.architectures.vector_groups
        if vectors > self.groups:
            raise ValueError(
                f"tasks.architectures.vector_groups {vectors}: there are only {self.groups} groups"
            )
        regression = self.tasks.augmentation.regression_weight
        if self.objective.name == "regression" and regression == 0:
            raise ValueError(
                "objective 'regression' needs regression targets: set "
                "tasks.augmentation.regression_weight above 0"
            )
        return self


def parse_config(table: Mapping[str, Any]) -> MetaTrainConfig:
    """Parse a configuration from nested tables. Raises `ConfigError`, naming every wrong field."""
    return validated(MetaTrainConfig, table, "configuration")


def engine_to_go_on(saved: str, asked: str | None) -> str:
    """Return the engine that continues a run of engine `saved`: `asked` if given, else `saved`.

    Raises `ConfigError` if only one of the two is synchronous: their results would differ.
    """
    asked = asked or saved
    if ENGINES.get(asked).synchronous != ENGINES.get(saved).synchronous:
        raise ConfigError(
            f"a run of engine {saved!r} cannot be continued with engine {asked!r}, which would "
            "give different results; omit --engine, or start a new run in another directory"
        )
    return asked


def differing_fields(one: BaseModel, other: BaseModel) -> list[str]:
    """List the fields in which two configurations differ, by dotted name, with both values."""

    def walk(a: Any, b: Any, path: str) -> list[str]:
        if isinstance(a, dict) and isinstance(b, dict):
            differences = []
            for key in sorted(a.keys() | b.keys()):
                differences += walk(a.get(key), b.get(key), f"{path}.{key}" if path else key)
            return differences
        there, here = files.show(repr(a)), files.show(repr(b))
        return [] if a == b else [f"{path} ({there} there, {here} here)"]

    return walk(one.model_dump(mode="json"), other.model_dump(mode="json"), "")
