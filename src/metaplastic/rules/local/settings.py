"""Settings of rule `local`: its widths, its parts and its step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from metaplastic.errors import ConfigError, unknown_name
from metaplastic.rules.local.senses import SENSES, Sense
from metaplastic.rules.local.terms import TERMS, Term

NETWORK_PARTS = ("statistics", "pooling")  # optional parts of the update network
SWITCHES = {"subspace": "subspace", "first": "resting_bias"}  # part: the setting that adds it


class LocalSettings(BaseModel):
    """The settings of rule `local`, which meta-training does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
        description="number of inner steps after which the inner step size has halved",
    )
    decay_power: float = Field(
        default=2.0,
        ge=0,
        description="power of the decay of the inner step size; 0 keeps it constant",
    )

    @model_validator(mode="after")
    def _known_parts(self) -> LocalSettings:
        known = [*SENSES, *TERMS]
        addable = [
            n
            for n in known
            if n not in SWITCHES
            and (_part(n).optional or n not in (*SENSES.built_in, *TERMS.built_in))
        ]
        _check("extra", self.extra, known, addable)
        present = [name for name in known if self._is_on(name)]
        _check("without", self.without, [*known, *NETWORK_PARTS], [*present, *NETWORK_PARTS])
        if "activity" in self.without:
            raise ValueError("without: 'activity' must stay, since a rule learns from it")
        if not self.terms:
            raise ValueError("without: at least one term of the weight change must stay")
        return self

    @property
    def senses(self) -> tuple[Sense, ...]:
        """The senses of a neuron, in the order of θ's rows."""
        return tuple(cast(Sense, _part(name)) for name in self._chosen(SENSES))

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of a weight change, in the order of θ's term weights."""
        return tuple(cast(Term, _part(name)) for name in self._chosen(TERMS))

    def has(self, part: str) -> bool:
        """Return whether a part is not listed in `without`."""
        return part not in self.without

    def _chosen(self, registry: Iterable[str]) -> list[str]:
        return [name for name in registry if name not in self.without and self._is_on(name)]

    def _is_on(self, name: str) -> bool:
        """Return whether a part is present unless `without` lists it."""
        switched_on = name in SWITCHES and getattr(self, SWITCHES[name])
        # parts from other packages are off unless `extra` lists them, even if not `optional`
        by_default = name in (*SENSES.built_in, *TERMS.built_in) and not _part(name).optional
        return switched_on or by_default or name in self.extra

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


def _part(name: str) -> Sense | Term:
    entry = SENSES[name] if name in SENSES else TERMS[name]
    return entry() if isinstance(entry, type) else entry  # user-defined parts may be instances


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
