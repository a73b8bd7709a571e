"""Settings of rule `local`: widths, the parts it is made of, and its step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from metaplastic.errors import ConfigError, unknown_name
from metaplastic.rules.local.senses import SENSES, Sense
from metaplastic.rules.local.terms import TERMS, Term

NETWORK_PARTS = ("statistics", "pooling")  # of the update network, which can be left out
BROUGHT = {"subspace": "subspace", "first": "resting_bias"}  # parts by the setting that adds them


class LocalSettings(BaseModel):
    """What meta-training does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(
        default=16, ge=1, description="H, units in each layer of the update network"
    )
    error_channels: int = Field(default=4, ge=1, description="K, channels of the error signal")
    readout_channels: int = Field(
        default=4, ge=1, description="C, channels of the low-rank weight change"
    )
    backward: Literal["tied", "separate"] = Field(
        default="tied", description="error signal through W^T (tied) or V (separate)"
    )
    subspace: bool = Field(
        default=False,
        description="a fourth term, Oja's subspace rule, and term weights that differ between the "
        "first, the middle and the top layer",
    )
    resting_bias: bool = Field(
        default=False,
        description="biases drawn to a learned value of the first, the middle and the top layer, "
        "and neurons that know whether theirs is the first; with subspace, middle layers begin as "
        "the top layer, which hands on what is below it",
    )
    extra: tuple[str, ...] = Field(
        default=(),
        description="senses and terms beside those that are on by default",
        examples=[["neighbours"]],
    )
    without: tuple[str, ...] = Field(
        default=(),
        description="senses, terms and parts of the update network (statistics, pooling) left out",
        examples=[["lateral"]],
    )
    learns: Literal["all", "first"] = Field(
        default="all", description="which layers' weights change: all of them, or the first alone"
    )
    inner_step: float = Field(
        default=0.08, gt=0, le=1, description="angle of the first step, radians"
    )
    half_life: float = Field(
        default=40.0, gt=0, description="age at which the inner step has halved"
    )
    decay_power: float = Field(default=2.0, ge=0, description="0 keeps the inner step constant")

    @model_validator(mode="after")
    def _known_parts(self) -> LocalSettings:
        named = [*SENSES, *TERMS]
        free = [
            n
            for n in named
            if n not in BROUGHT
            and (_part(n).optional or n not in (*SENSES.built_in, *TERMS.built_in))
        ]
        _check("extra", self.extra, named, free)
        mine = [name for name in named if self._is_on(name)]
        _check("without", self.without, [*named, *NETWORK_PARTS], [*mine, *NETWORK_PARTS])
        if "activity" in self.without:
            raise ValueError("without: the activity is what a rule learns from; it must stay")
        if not self.terms:
            raise ValueError("without: at least one term of the weight change must stay")
        return self

    @property
    def senses(self) -> tuple[Sense, ...]:
        """What a neuron sees, in the order of θ's rows."""
        return tuple(cast(Sense, _part(name)) for name in self._chosen(SENSES))

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of a weight change, in the order of θ's term weights."""
        return tuple(cast(Term, _part(name)) for name in self._chosen(TERMS))

    def has(self, part: str) -> bool:
        """Whether a part of the update network is there."""
        return part not in self.without

    def _chosen(self, registry: Iterable[str]) -> list[str]:
        return [name for name in registry if name not in self.without and self._is_on(name)]

    def _is_on(self, name: str) -> bool:
        """Whether a part is there unless it is left out."""
        brought = name in BROUGHT and getattr(self, BROUGHT[name])
        # parts of other packages are off unless they are named, whatever their `optional` says
        usual = name in (*SENSES.built_in, *TERMS.built_in) and not _part(name).optional
        return brought or usual or name in self.extra

    def dump(self) -> dict[str, Any]:
        """As JSON-able settings. What is off is left out: older rules keep their fingerprints."""
        off = {
            name
            for name in ("subspace", "resting_bias", "extra", "without", "learns")
            if getattr(self, name) == type(self).model_fields[name].default
        }
        return self.model_dump(exclude=off, mode="json")


def _part(name: str) -> Sense | Term:
    entry = SENSES[name] if name in SENSES else TERMS[name]
    return entry() if isinstance(entry, type) else entry  # one of the user's own may be made


def _check(field: str, given: tuple[str, ...], known: list[str], allowed: list[str]) -> None:
    try:
        for name in given:
            if name not in known:
                own = " One of your own: --import its file."
                raise unknown_name("part of the rule", name, known, own)
    except ConfigError as error:
        raise ValueError(f"{field}: {error}") from None
    if wrong := [name for name in given if name not in allowed]:
        raise ValueError(f"{field}: {', '.join(wrong)} cannot be named here; allowed: {allowed}")
    if len(set(given)) < len(given):
        raise ValueError(f"{field}: {list(given)} names a part twice")
