"""The configuration of a meta-training run, typed, and its presets."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from metaplastic import files
from metaplastic.errors import ConfigError, unknown_name
from metaplastic.meta.engines import ENGINES
from metaplastic.meta.estimators import ESTIMATORS
from metaplastic.meta.estimators.config import EstimatorConfig
from metaplastic.meta.optimizer import OptimizerConfig
from metaplastic.meta.unroll import UnrollConfig
from metaplastic.objectives import OBJECTIVES, ObjectiveConfig
from metaplastic.registry import Registry
from metaplastic.rules import RULES
from metaplastic.settings import OneOf, SettingsError, validated
from metaplastic.tasks import TaskSpace, ends


class RuleConfig(BaseModel):
    """Which rule, and its settings. The name alone, as a string, stands for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, OneOf(RULES)] = Field(
        default="local", description="which rule is meta-trained"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="those of the rule, as far as they are not its defaults",
        examples=[{"hidden": 32}],
    )
    start: str | None = Field(
        default=None,
        description="rule to begin from: a file or a shipped name; none: a fresh one; settings "
        "may ask for more hidden units than it has, and its updates begin as they were",
        examples=["default"],
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _check(self) -> RuleConfig:
        if (model := RULES.get(self.name).Settings) is not None:
            try:
                validated(model, self.settings)
            except SettingsError as error:
                raise error.below("settings") from None
        return self


class ValidationConfig(BaseModel):
    """Few-shot accuracy on tasks of classes that are not meta-trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: int = Field(default=50, ge=1, description="meta-steps between validations")
    tasks: int = Field(
        default=4, ge=1, description="validation tasks per group, the same each time"
    )
    horizons: tuple[float, ...] = Field(
        default=(0.0, 1.0),
        min_length=1,
        description="when accuracy is read, in multiples of the longest horizon, ascending",
    )


class AsynchronousConfig(BaseModel):
    """How engine `ray` makes updates of gradients that arrive when they are ready."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gradients_per_step: int | None = Field(
        default=None, ge=1, description="gradients in an update of θ; groups if not set"
    )
    max_staleness: int = Field(
        default=8,
        ge=0,
        description="updates of θ since a gradient was asked for, at most; older are dropped",
    )


class MetaTrainConfig(BaseModel):
    """Everything that decides the result of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, lt=2**32, description="of the whole run")
    rule: RuleConfig = Field(default=RuleConfig(), description="what is meta-trained")
    objective: ObjectiveConfig = Field(
        default=ObjectiveConfig(), description="the loss of a task, which θ is trained to lower"
    )
    estimator: EstimatorConfig = Field(
        default=EstimatorConfig(), description="how the gradient of θ is estimated"
    )
    engine: Annotated[str, OneOf(ENGINES)] = Field(
        default="local", description="who computes gradients: see the page on scaling"
    )
    asynchronous: AsynchronousConfig = Field(
        default=AsynchronousConfig(), description="updates of θ by engine `ray`"
    )
    groups: int = Field(default=2, ge=1, description="groups of tasks, each of one architecture")
    tasks_per_group: int = Field(
        default=2, ge=1, description="tasks that advance together in a group"
    )
    tasks: TaskSpace = Field(default=TaskSpace(), description="what is meta-trained on")
    unroll: UnrollConfig = Field(default=UnrollConfig(), description="the inner loop")
    optimizer: OptimizerConfig = Field(
        default=OptimizerConfig(), description="how θ is updated by its gradient"
    )
    validation: ValidationConfig = Field(
        default=ValidationConfig(), description="accuracy on held-out classes as the run goes on"
    )

    @model_validator(mode="after")
    def _check(self) -> MetaTrainConfig:
        most = ends(self.tasks.labels_per_class)[1]
        needed = 2 * most
        field = "labelled_apart" if self.tasks.labelled_apart else "examples_per_class"
        given = getattr(self.tasks, field)
        if given < needed:
            raise ValueError(
                f"tasks.{field} {given}: the meta-objective needs "
                f"two batches of labels_per_class {most}: "
                f"at least {needed}"
            )
        vectors = self.tasks.architectures.vector_groups
        if vectors > self.groups:
            raise ValueError(
                f"tasks.architectures.vector_groups {vectors}: there are {self.groups} groups"
            )
        regression = self.tasks.augmentation.regression_weight
        if self.objective.name == "regression" and regression == 0:
            raise ValueError(
                "objective 'regression' needs targets to regress on: set "
                "tasks.augmentation.regression_weight above 0"
            )
        return self


CHOSEN: dict[str, Registry[Any]] = {
    "rule": RULES,
    "objective": OBJECTIVES,
    "estimator": ESTIMATORS,
}
"""The sections that name an entry of a registry, whose own settings they hold."""

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "rule": {"settings": {"hidden": 8, "error_channels": 2, "readout_channels": 2}},
        "estimator": "full",
        "groups": 1,
        "tasks_per_group": 2,
        "tasks": {"architectures": {"layers": [2, 2], "units": [64]}},
        "unroll": {"batch_size": 32, "horizon": [15, 25]},
        "optimizer": {"meta_steps": 60},
        "validation": {"every": 20, "tasks": 2},
    },
    "quick": {
        "estimator": "full",
        "groups": 2,
        "tasks_per_group": 2,
        "tasks": {"architectures": {"layers": [2, 3], "units": [64, 128]}},
        "unroll": {"horizon": [40, 60]},
        "optimizer": {"meta_steps": 150},
    },
    # the workshop paper, as its text has it and with nothing added; for a cluster. A neuron sees
    # its activity, pre-activation and error signal, statistics of the minibatch, and the lateral
    # terms; ΔW is the low-rank product and decorrelation. What the text leaves open: the sizes of
    # the update network, of minibatches and of unrolls, and the step.
    "seed": {
        "rule": {
            "settings": {
                "hidden": 32,
                "without": ["weights", "bias", "position", "age", "decay"],
                "inner_step": 0.02,
                "decay_power": 0.0,
            }
        },
        "objective": {"name": "ridge", "settings": {"penalty": 0.1, "distance": "cosine"}},
        "estimator": "truncated",
        "groups": 16,
        "tasks_per_group": 16,
        "tasks": {
            "sources": ["glyphs", "cifar10@32", "imagenet@32"],
            "architectures": {
                "sides": [14, 16],
                "layers": [2, 5],
                "units": [64, 128, 256, 512],
            },
        },
        "unroll": {
            "batch_size": 128,
            "truncation": [4, 16],
            "horizon": [200, 1000],
            "late_weight": 0.0,
        },
        "optimizer": {
            "meta_steps": 150_000,
            "learning_rate": 3e-4,
            "final_fraction": 1.0,
            "average": 0.0,
        },
        "validation": {"every": 500, "tasks": 8},
    },
    # the long paper, as far as it says: backward weights of their own, the sizes that its
    # authors released; for a cluster
    "paper": {
        "rule": {
            "settings": {
                "hidden": 64,
                "error_channels": 32,
                "readout_channels": 4,
                "backward": "separate",
                "inner_step": 0.02,
                "decay_power": 0.0,
            }
        },
        "estimator": "truncated",
        "groups": 8,
        "tasks_per_group": 32,
        "tasks": {
            "sources": ["glyphs", "cifar10@32", "imagenet@32"],
            "architectures": {
                "sides": [14, 16],
                "layers": [2, 5],
                "units": [64, 128, 256, 512],
            },
        },
        "unroll": {
            "batch_size": 128,
            "truncation": [4, 16],
            "horizon": [200, 2000],
            "late_weight": 0.0,
        },
        "optimizer": {"meta_steps": 200_000, "learning_rate": 3e-4, "final_fraction": 1.0},
        "validation": {"every": 500, "tasks": 8},
    },
}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, tables merged key by key."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def lay(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on the settings of a run. Where it names another rule, objective or estimator,
    the settings of the one before mean nothing any more: they are left out, with a warning."""
    kept, over = _named(table), _named(over)
    for section, registry in CHOSEN.items():
        before, after = kept.get(section), over.get(section)
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            continue
        old = before.get("name", MetaTrainConfig.model_fields[section].default.name)
        new = after.get("name", old)
        if before.get("settings") and new != old and isinstance(new, str) and new in registry:
            names = ", ".join(map(str, before["settings"]))
            warnings.warn(
                f"{section} {files.show(new)!r} instead of {files.show(old)!r}: the settings of "
                f"{files.show(old)!r} are left out ({files.show(names)})",
                stacklevel=2,
            )
            kept[section] = {key: value for key, value in before.items() if key != "settings"}
    return merge(kept, over)


def combine(overrides: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Overrides as one table, each laid on the one before."""
    return reduce(merge, map(_named, overrides), {})


def _named(table: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run, in which a name alone, as of an objective, is a table with that name."""
    return {
        key: {"name": value} if key in CHOSEN and isinstance(value, str) else value
        for key, value in table.items()
    }


def parse_override(text: str) -> dict[str, Any]:
    """`"optimizer.learning_rate=1e-3"` as a nested table. The value is read as JSON, else as a
    string. Raises `ConfigError` where there is no `=`."""
    path, found, value = text.partition("=")
    if not found or not path.strip():
        raise ConfigError(f"--set {files.show(text)!r}: write it as section.field=value")
    try:
        nested: Any = files.decode_json(value)
    except json.JSONDecodeError:
        nested = value
    except ValueError as error:
        raise ConfigError(f"--set {files.show(text)!r}: {error}") from None
    keys = path.strip().split(".")
    if len(keys) > files.MOST_NESTING:
        raise ConfigError(f"--set {files.show(text)!r}: there is no such setting")
    for key in reversed(keys):
        nested = {key: nested}
    return nested


def make_config(
    preset: str = "quick",
    file: Path | None = None,
    overrides: Iterable[Mapping[str, Any]] = (),
) -> MetaTrainConfig:
    """Preset, then file (TOML or JSON), then overrides, each laid on the one before.

    Raises `ConfigError` that names the field, what was given and what is allowed.
    """
    return parse_config(lay(make_table(preset, file), combine(overrides)))


def make_table(preset: str = "quick", file: Path | None = None) -> dict[str, Any]:
    """The file's settings laid on the preset's, unchecked; raises `ConfigError` where either
    cannot be read."""
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    table = dict(PRESETS[preset])
    return table if file is None else lay(table, _read_table(file))


def parse_config(table: Mapping[str, Any]) -> MetaTrainConfig:
    """A configuration from nested tables; raises `ConfigError` naming every wrong field."""
    return validated(MetaTrainConfig, table, "configuration")


def recipes() -> dict[str, Path]:
    """The configurations that come with the package, as rules' cards name them:
    `recipes/default.toml`."""
    here = Path(__file__).parents
    for folder in (here[1] / "recipes", here[3] / "recipes"):  # installed; in a checkout
        if folder.is_dir():
            return {f"recipes/{file.name}": file for file in sorted(folder.glob("*.toml"))}
    return {}


def _read_table(file: Path) -> dict[str, Any]:
    if not file.exists() and file.parent == Path("recipes") and (known := recipes()):
        if file.as_posix() not in known:
            raise unknown_name("recipe", file.as_posix(), known)
        file = known[file.as_posix()]
    read = files.read_json if file.suffix.lower() == ".json" else files.read_toml
    try:
        table = read(file, ConfigError)
    except ConfigError as error:
        raise ConfigError(f"cannot read the configuration: {error}") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{str(file)!r} must hold a table of settings")
    return table


def engine_to_go_on(saved: str, asked: str | None) -> str:
    """The engine that continues a run of engine `saved`: `asked`, if given, else `saved`.

    Raises `ConfigError` where it would give other results.
    """
    asked = asked or saved
    if ENGINES.get(asked).synchronous != ENGINES.get(saved).synchronous:
        raise ConfigError(
            f"a run of engine {saved!r} cannot be continued with engine {asked!r}, which gives "
            "results of another kind; leave --engine out, or start a new run in another directory"
        )
    return asked


def differing_fields(one: BaseModel, other: BaseModel) -> list[str]:
    """Dotted names of the fields in which two configurations differ."""

    def walk(a: Any, b: Any, path: str) -> list[str]:
        if isinstance(a, dict) and isinstance(b, dict):
            found = []
            for key in sorted(a.keys() | b.keys()):
                found += walk(a.get(key), b.get(key), f"{path}.{key}" if path else key)
            return found
        there, here = files.show(repr(a)), files.show(repr(b))
        return [] if a == b else [f"{path} ({there} there, {here} here)"]

    return walk(one.model_dump(mode="json"), other.model_dump(mode="json"), "")
