"""Settings of rule `local`: its widths, its parts and its step."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from metaplastic.errors import ConfigError, unknown_name
from metaplastic.registry import Registry
from metaplastic.rules.local.senses import SENSES, Sense
from metaplastic.rules.local.terms import TERMS, Term
from metaplastic.settings import SettingsModel

Part = TypeVar("Part", Sense, Term)

NETWORK_PARTS = ("statistics", "pooling")  # optional parts of the update network
SWITCHES = {"subspace": "subspace", "first": "resting_bias"}  # part: the setting that adds it
LEAST_DECAY = 0.01  # with slower decays, the scale of t in `step.step_sizes` overflows float32


class LocalSettings(SettingsModel):
    """The settings of rule `local`, which meta-training does not change."""

    hidden: int = Field(default=16, ge=1, description="H, units per layer of the update network")
    error_channels: int = Field(default=4, ge=1, description="K, channels of the error signal")
    readout_channels: int = Field(
        default=4, ge=1, description="C, channels of the low-rank weight change"
    )
    backward: Literal["tied", "separate"] = Field(
        default="tied",
        description="weights that carry the error signal back: W^T (tied) or V (separate)",
    )
    subspace: bool = Field(
        default=False,
        description="add a fourth term, Oja's subspace rule, and use separate term weights for the "
        "first, the middle and the top layers",
    )
    resting_bias: bool = Field(
        default=False,
        description="pull biases towards learned values, one each for the first, the middle and "
        "the top layers, and tell neurons whether their layer is the first; with subspace, middle "
        "layers start with the term weights of the top layer, which pass on the activity below",
    )
    extra: tuple[str, ...] = Field(
        default=(),
        description="senses and terms to add to the default ones",
        examples=[["neighbours"]],
    )
    without: tuple[str, ...] = Field(
        default=(),
        description="senses, terms and parts of the update network (statistics, pooling) to leave "
        "out",
        examples=[["lateral"]],
    )
    learns: Literal["all", "first"] = Field(
        default="all", description="layers whose weights change: all of them, or the first only"
    )
    inner_step: float = Field(
        default=0.08, gt=0, le=1, description="angle of the first step, in radians"
    )
    half_life: float = Field(
        default=40.0,
        gt=0,
        allow_inf_nan=True,
        description="number of inner steps after which the inner step size has halved",
    )
    decay_power: float = Field(
        default=2.0,
        ge=0,
        description="power of the decay of the inner step size, 0 or at least 0.01; 0 keeps it "
        "constant",
    )

    @field_validator("decay_power")
    @classmethod
    def _decays(cls, power: float) -> float:
        if 0 < power < LEAST_DECAY:
            raise ValueError(f"give 0, or at least {LEAST_DECAY} (given {power})")
        return power

    @model_validator(mode="after")
    def _known_parts(self) -> LocalSettings:
        counts = Counter([*SENSES, *TERMS, *NETWORK_PARTS])
        shared = [name for name in (*self.extra, *self.without) if counts[name] > 1]
        if shared:
            raise ValueError(
                f"{shared[0]!r} is the name of several parts (senses: {', '.join(SENSES)}; terms: "
                f"{', '.join(TERMS)}; others: {', '.join(NETWORK_PARTS)}); rename your own"
            )
        parts = [*_addable(SENSES), *_addable(TERMS)]
        _check("extra", self.extra, [*SENSES, *TERMS], parts)
        present = [name for r in (SENSES, TERMS) for name in r if self._is_on(r, name)]
        _check("without", self.without, [*counts], [*present, *NETWORK_PARTS])
        if "activity" in self.without:
            raise ValueError("without: 'activity' must stay, since a rule learns from it")
        if not self.terms:
            raise ValueError("without: at least one term of the weight change must stay")
        return self

    @property
    def senses(self) -> tuple[Sense, ...]:
        """The senses of a neuron, in the order of θ's rows."""
        return self._chosen(SENSES)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of a weight change, in the order of θ's term weights."""
        return self._chosen(TERMS)

    def has(self, part: str) -> bool:
        """Return whether a part is not listed in `without`."""
        return part not in self.without

    def _chosen(self, registry: Registry[type[Part]]) -> tuple[Part, ...]:
        """Return the parts that are present, in the order of the registry."""
        names = (name for name in registry if self.has(name) and self._is_on(registry, name))
        return tuple(_part(registry, name) for name in names)

    def _is_on(self, registry: Registry[Any], name: str) -> bool:
        """Return whether a part is present unless `without` lists it."""
        # parts from other packages are off unless `extra` lists them, even if not `optional`
        if name not in registry.built_in:
            return name in self.extra
        if name in SWITCHES:
            return getattr(self, SWITCHES[name])
        return name in self.extra or not registry[name].optional

    def dump(self) -> dict[str, Any]:
        """Return the settings as JSON-serialisable values.

        Optional ones at their defaults are left out, so that older rules keep their fingerprints.
        """
        defaults = {
            name
            for name in ("subspace", "resting_bias", "extra", "without", "learns")
            if getattr(self, name) == type(self).model_fields[name].default
        }
        return self.model_dump(exclude=defaults, mode="json")


def _part(registry: Registry[type[Part]], name: str) -> Part:
    entry: Any = registry[name]
    return entry() if isinstance(entry, type) else entry  # user-defined parts may be instances


def _addable(registry: Registry[Any]) -> list[str]:
    """Return the parts that may be listed in `extra`."""
    return [
        name
        for name, part in registry.items()
        if name not in registry.built_in or (part.optional and name not in SWITCHES)
    ]


def _check(field: str, given: tuple[str, ...], known: list[str], allowed: list[str]) -> None:
    try:
        for name in given:
            if name not in known:
                hint = " To use one of your own, --import its file."
                raise unknown_name("part of the rule", name, known, hint)
    except ConfigError as error:
        raise ValueError(f"{field}: {error}") from None
    if invalid := [name for name in given if name not in allowed]:
        raise ValueError(f"{field}: {', '.join(invalid)} cannot be given here; allowed: {allowed}")
    if len(set(given)) < len(given):
        raise ValueError(f"{field}: {list(given)} names a part twice")
