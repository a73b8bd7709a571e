"""Rule `local`: the paper's neuron-local learned update (A.2), permutation equivariant.

The rule is composed of named parts, one module per kind: *senses*, the inputs of a neuron's update
network; the *update network*, shared by every neuron of every layer; *terms* of the weight change;
and the *step* that applies it. One update goes from the top layer down. For every layer l:

    e^L = w_top · senses^L,  e^l = norm(Σ_{m reads l} δ^m (W^m)ᵀ)     incoming errors, K channels
    (ε, pre, post, β)^l = network(senses^l)                           readouts
    δ^l = ε^l + gate · σ(z^l) e^l                                     outgoing errors
    ΔW^{l+1} = mix of terms of (pre^l, post^{l+1}, W^{l+1}, x)        W turns by a bounded angle
    Δb^l = tanh(mean β^l) - b^l / 2

Every receptive field is kept at unit norm (batch norm makes its scale irrelevant). The positions of
a feature map count as additional examples for its units. Layers wider than `lateral.GROUP` are
equivariant within groups of units only. Activities are stacks of planes (channels, cells, units),
the layout that every matrix product uses.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from metaplastic.base_model import Layer, Phi, forward
from metaplastic.rules.local import grow, step, terms
from metaplastic.rules.local.senses import View, view_of
from metaplastic.rules.local.settings import LocalSettings
from metaplastic.rules.local.update_network import (
    Readout,
    apply,
    apply_network,
    labels,
    readout_columns,
    rows_of,
    statistics_rows,
)
from metaplastic.rules.rule import Rule, RuleState
from metaplastic.settings import validated

RESTING = (0.0, 3.0, 0.0)  # initial resting bias of the first, the middle and the top layers
COMPETITION = 6.0  # initial weight of a unit's share of its group in `post`


class Local(Rule):
    """The learned rule. Shapes: F features, S statistics, H hidden units, R readouts."""

    name: ClassVar[str] = "local"
    Settings: ClassVar = LocalSettings

    w_features: Float[Array, "F H"]
    w_statistics: Float[Array, "S H"]
    b_features: Float[Array, " H"]
    w_hidden: Float[Array, "H H"]
    w_pooled: Float[Array, "H H"]
    w_layer: Float[Array, "H H"]
    b_hidden: Float[Array, " H"]
    w_readout: Float[Array, "H R"]
    w_skip: Float[Array, "F R"]
    b_readout: Float[Array, " R"]
    w_top: Float[Array, "A K"]
    error_gate: Float[Array, " K"]
    term_weights: Float[Array, "*positions terms"]
    log_rate: Float[Array, " 2"]
    resting_bias: Float[Array, " positions"] | None
    config: LocalSettings = eqx.field(static=True)

    @classmethod
    def create(cls, key: PRNGKeyArray, **settings: Any) -> Local:
        config = validated(LocalSettings, settings, "rule settings")
        h, rows, columns = config.hidden, rows_of(config), readout_columns(config)
        features, statistics = rows.features, statistics_rows(config)["context"].stop
        readouts = columns["bias"].stop
        keys = iter(jax.random.split(key, 8))

        def draw(rows: int, columns: int, scale: float = 1.0) -> Array:
            return jax.random.normal(next(keys), (rows, columns)) * scale / max(1, rows) ** 0.5

        # start as plain competitive Hebbian learning, presynaptic activity times the unit's share
        # of its group; the network and its error signals are a small perturbation of that
        skip = draw(features, readouts, 0.1)
        skip = skip.at[rows.example["activity"], columns["pre"]].add(1.0)
        if "lateral" in rows.example:
            share = rows.example["lateral"].stop - 1
            skip = skip.at[share, columns["post"]].add(COMPETITION)
        else:
            skip = skip.at[rows.example["activity"], columns["post"]].add(1.0)
        return cls(
            w_features=draw(features, h),
            w_statistics=draw(statistics, h, 0.5),
            b_features=jnp.zeros(h),
            w_hidden=draw(h, h),
            w_pooled=draw(h, h, 0.5),
            w_layer=draw(h, h, 0.5),
            b_hidden=jnp.zeros(h),
            w_readout=draw(h, readouts, 0.1),
            w_skip=skip,
            b_readout=jnp.zeros(readouts),
            w_top=draw(len(labels(config)["without_error"]), config.error_channels),
            # an explicit dtype: a checkpoint loses weak typing, which would cause recompilation
            error_gate=jnp.full((config.error_channels,), 0.5, jnp.result_type(float)),
            term_weights=terms.first_weights(
                config.terms, by_position=config.subspace, middle_as_top=config.resting_bias
            ),
            log_rate=jnp.zeros(2),
            resting_bias=jnp.array(RESTING) if config.resting_bias else None,
            config=config,
        )

    @property
    def settings(self) -> dict[str, Any]:
        return self.config.dump()

    @property
    def needs_backward(self) -> bool:
        return self.config.backward == "separate"

    def grow(self, fresh: Rule) -> Rule:
        """See `metaplastic.rules.local.grow`."""
        return grow.grow(self, fresh)

    def ablated(self, *parts: str) -> Local:
        """Return this rule without the given senses, terms or parts of the network; see `grow`."""
        return grow.ablated(self, parts)

    def update(
        self, phi: Phi, state: RuleState, x: Float[Array, "batch inputs"], t: Int[Array, ""]
    ) -> tuple[Phi, RuleState]:
        activity, top = forward(phi, x), len(phi.layers)
        rates = step.inner_steps(self.config, self.log_rate, t)
        layers = list(phi.layers)
        errors: dict[int, Array] = {}  # by layer, the sum of the errors sent down to it so far
        above: tuple[View, Readout] | None = None
        for number in range(top, -1, -1):
            view = view_of(phi, activity, number, errors.get(number), t)
            view, senses = self._sense(view)
            readout = self._read(view, senses)
            if above is not None and (number == 0 or self.config.learns == "all"):
                layers[number] = self._turn(layers[number], view, readout, *above, rates.weights)
            if number > 0:
                layers[number - 1] = self._shift(layers[number - 1], view, readout, rates.biases)
                self._send_back(phi.layers[number - 1], view, readout, errors)
            above = view, readout
        return dataclasses.replace(phi, layers=tuple(layers)), state

    def _sense(self, view: View) -> tuple[View, dict[str, Array]]:
        """Compute the senses of a layer's neurons, by name, in the order of θ's rows.

        In the top layer, the error is a linear map of the other per-example senses; the returned
        view holds it.
        """
        senses = [s for s in self.config.senses if s.of_inputs or not view.is_input]
        values = {sense.name: sense(view) for sense in senses if sense.name != "error"}
        if view.is_top and self.config.has("error"):
            examples = [values[s.name] for s in senses if s.per_example and s.name != "error"]
            view = view._replace(error=apply(self.w_top, jnp.concatenate(examples)))
        return view, {s.name: values[s.name] if s.name in values else s(view) for s in senses}

    def _read(self, view: View, senses: dict[str, Array]) -> Readout:
        """Compute the readouts of a layer's neurons from their senses."""
        examples = [s.name for s in self.config.senses if s.per_example and s.name in senses]
        context = [senses[name] for name in senses if name not in examples]
        return apply_network(
            self,
            jnp.concatenate([senses[name] for name in examples]),
            jnp.concatenate(context) if context else jnp.zeros((0, view.x.shape[-1])),
            examples,
        )

    def _turn(
        self,
        layer: Layer,
        view: View,
        readout: Readout,
        above: View,
        readout_above: Readout,
        rate: Array,
    ) -> Layer:
        """Turn the receptive fields of the layer between two views by the weighted terms."""
        assert readout_above.post is not None
        assert above.x_hat is not None
        assert above.correlation is not None
        pre = readout.pre - jnp.mean(readout.pre, axis=1, keepdims=True)
        link = terms.Link(
            layer, view.activity, pre, readout_above.post, above.x_hat, above.correlation
        )
        term_weights = self.term_weights
        if self.config.subspace:
            term_weights = term_weights[step.position(view.number, view.top)]
        change = terms.weight_change(link, self.config.terms, term_weights)
        backward = layer.backward
        if backward is not None:
            backward = step.turn(backward, change, rate)
        weight = step.turn(layer.weight, change, rate)
        return dataclasses.replace(layer, weight=weight, backward=backward)

    def _shift(self, layer: Layer, view: View, readout: Readout, rate: Array) -> Layer:
        """Shift the biases of a layer by its neurons' bias readouts."""
        assert readout.bias is not None
        drive = jnp.tanh(jnp.mean(readout.bias[0], axis=0))
        if self.resting_bias is not None:
            resting = self.resting_bias[step.position(view.number - 1, view.top)]
            drive = step.pull(drive, resting, view.x)
        return dataclasses.replace(layer, bias=step.turn_bias(layer.bias, drive, rate))

    def _send_back(
        self, layer: Layer, view: View, readout: Readout, errors: dict[int, Array]
    ) -> None:
        """Add a layer's error to those of the layers it reads: through the weights, and unchanged
        along a residual connection."""
        if view.error is None:
            return
        assert readout.error is not None
        assert view.z is not None
        gate = self.error_gate[:, None, None] * jax.nn.sigmoid(view.z)[None]
        delta = readout.error + view.error * gate
        sent = layer.send_back(delta, layer.backward) * (layer.fan_in / layer.fan_out) ** 0.5
        below = view.number - 1
        errors[below] = errors[below] + sent if below in errors else sent
        if skip := layer.connection.skip:
            source = view.number - skip
            errors[source] = errors[source] + view.error if source in errors else view.error
