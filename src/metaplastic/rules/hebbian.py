"""Rule `hebbian`: Oja's subspace rule, that is Sanger's generalised Hebbian rule without an order.

In each layer, with x̂ the standardised activity below, ŷ that of x̂ W, B the number of cells, m the
fan-out, C the correlations between different units (`lateral.correlation`) and t the inner step:

    ΔW = (x̂ - α ŷ Wᵀ / √m)ᵀ ŷ / B - β W C
    W ← unit(W + η_t ΔW / ‖ΔW‖),   η_t = η_0 / (1 + t / t½)

column by column: Hebbian growth minus what the layer already explains, with decorrelation among its
units (Oja, Int. J. Neural Systems 1:61, 1989). θ is α (`subspace`) and β (`decorrelation`);
everything else is designed by hand. The rule exercises the interface and serves as a baseline.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray
from pydantic import Field

from metaplastic.base_model import Phi, fold, forward, unit_norm
from metaplastic.rules.lateral import correlation, standardise_units
from metaplastic.rules.rule import Rule, RuleState
from metaplastic.settings import SettingsModel, validated


class HebbianSettings(SettingsModel):
    """Settings of the hand-designed rule."""

    inner_step: float = Field(default=0.1, gt=0, le=1, description="size of the first inner step")
    half_life: float = Field(
        default=40.0,
        gt=0,
        allow_inf_nan=True,
        description="number of inner steps after which the inner step size has halved",
    )


class Hebbian(Rule):
    """Oja's subspace rule in each layer, plus decorrelation. θ is the two coefficients."""

    name: ClassVar[str] = "hebbian"
    Settings: ClassVar = HebbianSettings

    subspace: Float[Array, ""]
    decorrelation: Float[Array, ""]
    config: HebbianSettings = eqx.field(static=True)

    @classmethod
    def create(cls, key: PRNGKeyArray, **settings: Any) -> Hebbian:
        del key
        # an explicit dtype: arrays read from a rule file are not weakly typed either
        coefficients = jnp.array([1.0, 0.5], jnp.result_type(float))
        config = validated(HebbianSettings, settings, "rule settings")
        return cls(coefficients[0], coefficients[1], config)

    @property
    def settings(self) -> dict[str, Any]:
        return self.config.model_dump()

    def update(
        self, phi: Phi, state: RuleState, x: Float[Array, "batch inputs"], t: Int[Array, ""]
    ) -> tuple[Phi, RuleState]:
        activity = forward(phi, x)
        rate = self.config.inner_step / (1.0 + jnp.asarray(t, x.dtype) / self.config.half_life)
        layers = []
        for layer, x_below in zip(phi.layers, activity.x, strict=False):
            below = standardise_units(fold(x_below))
            above = standardise_units(fold(layer.linear(below.reshape(x_below.shape))))
            explained = layer.send_back(above[None])[0] / layer.fan_out**0.5
            change = layer.correlate((below - self.subspace * explained)[None], above[None])
            lateral = correlation(above).after(layer.weight)
            change = change / above.shape[0] - self.decorrelation * lateral
            size = jnp.sqrt(jnp.sum(change * change, axis=0, keepdims=True) + 1e-6)
            weight = unit_norm(layer.weight + rate * change / size)
            layers.append(dataclasses.replace(layer, weight=weight))
        return dataclasses.replace(phi, layers=tuple(layers)), state
