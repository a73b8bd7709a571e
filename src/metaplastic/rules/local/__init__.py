"""Rule `local`: the paper's neuron-local learned update (A.2), permutation equivariant.

The rule is composed of named parts, one module per kind: *senses*, the inputs of a neuron's update
network; the *update network*, shared by every neuron of every layer; *terms* of the weight change;
and the *step* that applies it. Signals are computed from the top layer down, for every layer l:

    e^L = w_top · senses^L                                             incoming errors, K channels
    e^l = norm(√(n/m) δ^{l+1} (V^{l+1})ᵀ + Σ_k e^k)
    (ε, pre, post, β)^l = network(senses^l)                            readouts
    δ^l = ε^l + gate · σ(z^l) e^l                                      outgoing errors

with n and m the fan-in and the fan-out of layer l+1, V = W if `backward` is "tied", k the residual
layers that add x^l to their own activity, and norm(e) = e / √(mean e² + 0.01) for each channel.
From the signals at both ends of a layer follow its changes:

    W, V ← turned towards ΔW = mix of terms of (pre^{l-1}, post^l, W^l, x)    by a bounded angle
    b^l ← b^l + η (d - b^l / 2),   d = tanh(mean β^l)

With `resting_bias`, d = tanh(mean β^l) + r/2, r being the resting value of layers at this position;
if positive, it is multiplied by min(var x^l, 1).

Every receptive field is kept at unit norm (batch norm makes its scale irrelevant). The positions of
a feature map count as additional examples for its units. Layers wider than `lateral.GROUP` are
equivariant within groups of units only. Activities are stacks of planes (channels, cells, units),
the layout that every matrix product uses.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from metaplastic.base_model import Layer, Phi, forward
from metaplastic.rules.local import grow, step, terms
from metaplastic.rules.local.layout import labels, readout_columns, rows_of, statistics_rows
from metaplastic.rules.local.senses import View, view_of
from metaplastic.rules.local.settings import LocalSettings
from metaplastic.rules.local.update_network import Readout, apply, apply_network
from metaplastic.rules.rule import Rule, RuleState
from metaplastic.settings import validated

RESTING = (0.0, 3.0, 0.0)  # initial resting bias of the first, the middle and the top layers
COMPETITION = 6.0  # initial weight of a unit's share of its group in `post`


class Signals(NamedTuple):
    """What the neurons of a layer see and read out."""

    view: View
    readout: Readout


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
        signals = self._signals(phi, x, t)
        sizes = step.step_sizes(self.config, self.log_rate, t)
        changed = [
            self._changed(layer, below, above, sizes)
            for layer, above, below in zip(phi.layers[::-1], signals, signals[1:], strict=False)
        ]
        return dataclasses.replace(phi, layers=tuple(changed[::-1])), state

    def _signals(
        self, phi: Phi, x: Float[Array, "batch inputs"], t: Int[Array, ""]
    ) -> list[Signals]:
        """Compute the signals of every layer, from the top down: a layer's error comes from the
        layers that read it."""
        activity, top = forward(phi, x), len(phi.layers)
        errors: dict[int, Array] = {}  # by layer, the sum of the errors sent down to it so far
        signals = []
        for number in range(top, -1, -1):
            view, senses = self._sense(view_of(phi, activity, number, errors.get(number), t))
            readout = apply_network(self, senses, is_input=view.is_input)
            signals.append(Signals(view, readout))
            for below, error in self._sent_down(view, readout):
                errors[below] = errors[below] + error if below in errors else error
        return signals

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

    def _sent_down(self, view: View, readout: Readout) -> list[tuple[int, Array]]:
        """Return the errors that a layer sends to the layers it reads, with their numbers: through
        the weights, and unchanged along a residual connection."""
        if view.error is None or view.layer is None:
            return []
        assert readout.error is not None
        assert view.z is not None
        layer = view.layer
        gate = self.error_gate[:, None, None] * jax.nn.sigmoid(view.z)[None]
        delta = readout.error + view.error * gate
        sent = layer.send_back(delta, layer.backward) * (layer.fan_in / layer.fan_out) ** 0.5
        errors = [(view.number - 1, sent)]
        if skip := layer.connection.skip:
            errors.append((view.number - skip, view.error))
        return errors

    def _changed(
        self, layer: Layer, below: Signals, above: Signals, sizes: step.StepSizes
    ) -> Layer:
        """Return the layer after this step, given the signals at both of its ends."""
        bias = step.turn_bias(layer.bias, self._bias_drive(above), sizes.biases)
        weight, backward = layer.weight, layer.backward
        if below.view.is_input or self.config.learns == "all":
            change = self._weight_change(layer, below, above)
            if backward is not None:
                backward = step.turn(backward, change, sizes.weights)
            weight = step.turn(weight, change, sizes.weights)
        return dataclasses.replace(layer, weight=weight, bias=bias, backward=backward)

    def _weight_change(self, layer: Layer, below: Signals, above: Signals) -> Array:
        """Mix the terms of a layer's weight change, with the weights for its position."""
        view, post = above.view, above.readout.post
        assert post is not None
        assert view.x_hat is not None
        assert view.correlation is not None
        pre = below.readout.pre - jnp.mean(below.readout.pre, axis=1, keepdims=True)
        link = terms.Link(layer, below.view.activity, pre, post, view.x_hat, view.correlation)
        weights = self.term_weights
        if self.config.subspace:
            weights = weights[step.position(below.view.number, below.view.top)]
        return terms.weight_change(link, self.config.terms, weights)

    def _bias_drive(self, signals: Signals) -> Float[Array, " units"]:
        """Compute d, which drives the biases of a layer, from its neurons' bias readouts."""
        view, readout = signals
        assert readout.bias is not None
        drive = jnp.tanh(jnp.mean(readout.bias[0], axis=0))
        if self.resting_bias is not None:
            resting = self.resting_bias[step.position(view.number - 1, view.top)]
            drive = step.pull(drive, resting, view.x)
        return drive
