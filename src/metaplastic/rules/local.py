"""Rule `local`: the paper's neuron-local learned update (A.2), permutation equivariant.

One small network, shared by every neuron of every layer, sees what a neuron can see: its own
activity, an error signal from above, what its layer tells it, and statistics over the minibatch.
Its readouts are the error signal sent on, and the factors of a low-rank weight change. Layers
wider than `lateral.GROUP` are equivariant within groups of units. Every
receptive field is held at unit norm (batch norm makes its scale irrelevant) and turns by a bounded
angle per inner step, which falls with the age of the unroll.

Arrays are (channels, batch, units): a stack of contiguous planes feeds every matrix product, and
what depends on a unit but not on the example is added after the product, never broadcast before it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray
from pydantic import BaseModel, ConfigDict, Field

from metaplastic.base_model import Phi, forward
from metaplastic.rules import lateral, terms
from metaplastic.rules.rule import Rule, RuleState, validated

WEIGHT_STATISTICS = 4
CONTEXT = 4  # bias, is input, is top, age; with resting biases also: is first
RESTING = (0.0, 3.0, 0.0)  # of the first, the middle and the top layer, in a fresh rule
COMPETITION = 6.0
RATE_RANGE = 1.0  # learned factors of the inner step stay within e^-1 .. e^1


class LocalSettings(BaseModel):
    """Widths and channels of the rule; what meta-training does not change."""

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
    inner_step: float = Field(
        default=0.08, gt=0, le=1, description="angle of the first step, radians"
    )
    half_life: float = Field(
        default=40.0, gt=0, description="age at which the inner step has halved"
    )
    decay_power: float = Field(default=2.0, ge=0, description="0 keeps the inner step constant")


class Local(Rule):
    """The learned rule. Shapes below: F features, S statistics, H hidden, R readouts."""

    name: ClassVar[str] = "local"

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
    term_weights: Float[Array, "*places terms"]
    log_rate: Float[Array, " 2"]
    resting_bias: Float[Array, " places"] | None
    config: LocalSettings = eqx.field(static=True)

    @classmethod
    def create(cls, key: PRNGKeyArray, **settings: Any) -> Local:
        config = validated(LocalSettings, settings)
        h, k, c = config.hidden, config.error_channels, config.readout_channels
        activity = 2 + lateral.CHANNELS
        features = activity + k
        statistics = 2 * features + WEIGHT_STATISTICS + CONTEXT + config.resting_bias
        readouts = k + 2 * c + 1
        keys = iter(jax.random.split(key, 8))

        def draw(rows: int, columns: int, scale: float = 1.0) -> Array:
            return jax.random.normal(next(keys), (rows, columns)) * scale / rows**0.5

        # begins as plain competitive Hebbian learning: presynaptic activity times the unit's
        # share of its layer, the network and its error signals a small perturbation of that
        skip = draw(features, readouts, 0.1)
        skip = skip.at[0, k : k + c].add(1.0).at[-1, k + c : k + 2 * c].add(COMPETITION)
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
            w_top=draw(activity, k),
            # a dtype of its own: a weak one is lost in a checkpoint, and all is compiled again
            error_gate=jnp.full((k,), 0.5, jnp.result_type(float)),
            term_weights=_first_mixture(config),
            log_rate=jnp.zeros(2),
            resting_bias=jnp.array(RESTING) if config.resting_bias else None,
            config=config,
        )

    @property
    def settings(self) -> dict[str, Any]:
        # left out where they are off: older rules keep the fingerprint that results name
        off = {name for name in ("subspace", "resting_bias") if not getattr(self.config, name)}
        return self.config.model_dump(exclude=off)

    @property
    def needs_backward(self) -> bool:
        return self.config.backward == "separate"

    def update(
        self, phi: Phi, state: RuleState, x: Float[Array, "batch inputs"], t: Int[Array, ""]
    ) -> tuple[Phi, RuleState]:
        activity = forward(phi, x)
        layers = len(phi.weights)
        rate_w, rate_b = self._inner_steps(t)
        age = jnp.log1p(jnp.asarray(t, x.dtype) / 10.0) / 4.0

        error = None  # channels of e^l: what comes from above, (K, batch, units)
        post = corr_above = None
        weights, biases, backward = list(phi.weights), list(phi.biases), list(phi.backward)
        for layer in range(layers, -1, -1):
            is_input = layer == 0
            x_l, z_l = activity.x[layer], activity.z[layer]
            if is_input:
                assert error is not None
                corr = None
                features = jnp.concatenate([x_l[None], error])
            else:
                x_hat = lateral.standardise_units(x_l)
                corr = lateral.correlation(x_hat)
                own = jnp.concatenate(
                    [x_l[None], z_l[None], lateral.lateral_features(z_l, x_hat, corr)]
                )
                if error is None:
                    error = _apply(self.w_top, own)
                features = jnp.concatenate([x_l[None], error, own[1:]])
            context = self._context(phi, layer, age)
            # error signal sent on, pre, post, bias; of the input layer nothing but pre is used
            k, c = self.config.error_channels, self.config.readout_channels
            used = slice(k, k + c) if is_input else slice(None)
            readout = self._update_network(features, context, used)

            if layer < layers:
                pre = readout if is_input else readout[k : k + c]
                assert post is not None
                assert corr_above is not None
                change = terms.weight_change(
                    phi.weights[layer], pre, post, corr_above, self._mixture(layer, layers), x_l
                )
                weights[layer] = terms.turn(phi.weights[layer], change, rate_w)
                if backward:
                    backward[layer] = terms.turn(phi.backward[layer], change, rate_w)
            if not is_input:
                delta = (
                    readout[:k] + error * self.error_gate[:, None, None] * jax.nn.sigmoid(z_l)[None]
                )
                error = self._send_back(phi, layer, delta)
                post, corr_above = readout[k + c : k + 2 * c], corr
                drive = jnp.tanh(jnp.mean(readout[-1], axis=0))
                if self.resting_bias is not None:
                    resting = self.resting_bias[terms.place(layer - 1, layers)]
                    drive = terms.pull(drive, resting, x_l)
                biases[layer - 1] = phi.biases[layer - 1] + rate_b * (
                    drive - 0.5 * phi.biases[layer - 1]
                )
        return Phi(tuple(weights), tuple(biases), tuple(backward), phi.activation), state

    def _mixture(self, layer: int, layers: int) -> Float[Array, " terms"]:
        if not self.config.subspace:
            return self.term_weights
        return self.term_weights[terms.place(layer, layers)]

    def _inner_steps(self, t: Array) -> tuple[Array, Array]:
        config = self.config
        # 2^(1/p) - 1 makes the step fall to one half at `half_life` for every power
        power = config.decay_power
        stretch = (2.0 ** (1.0 / power) - 1.0) if power > 0 else 0.0
        fall = (1.0 + stretch * jnp.asarray(t, self.log_rate.dtype) / config.half_life) ** -power
        factor = jnp.exp(RATE_RANGE * jnp.tanh(self.log_rate))
        rates = config.inner_step * fall * factor
        return rates[0], rates[1]

    def _context(self, phi: Phi, layer: int, age: Array) -> Float[Array, "C units"]:
        """What a neuron knows of itself whatever the example."""
        units = phi.sizes[layer]
        dtype = phi.weights[0].dtype
        zeros = jnp.zeros((units,), dtype)
        if layer > 0:
            incoming = phi.weights[layer - 1]
            scale = incoming.shape[0] ** 0.5
            into = [
                jnp.mean(jnp.abs(incoming), axis=0) * scale,
                jnp.mean(incoming, axis=0) * scale,
            ]
            bias = phi.biases[layer - 1]
        else:
            into, bias = [zeros, zeros], zeros
        if layer < len(phi.weights):
            outgoing = phi.weights[layer]
            scale = outgoing.shape[0] ** 0.5
            out = [
                jnp.mean(jnp.abs(outgoing), axis=1) * scale,
                jnp.sqrt(jnp.mean(outgoing * outgoing, axis=1) + 1e-6) * scale,
            ]
        else:
            out = [zeros, zeros]
        flags = [
            zeros + float(layer == 0),
            zeros + float(layer == len(phi.weights)),
            zeros + age,
        ]
        if self.config.resting_bias:
            flags.append(zeros + float(layer == 1))
        return jnp.stack([*into, *out, bias, *flags])

    def _update_network(
        self,
        features: Float[Array, "F batch units"],
        context: Float[Array, "C units"],
        readouts: slice,
    ) -> Float[Array, "R batch units"]:
        """h of every neuron on every example, read out linearly; only `readouts` are computed.
        The input layer has no lateral channels and uses the rows of those it has."""
        rows = features.shape[0]
        all_rows = self.w_features.shape[0]
        mean = jnp.mean(features, axis=1)
        spread = jnp.sqrt(jnp.maximum(jnp.mean(features**2, axis=1) - mean**2, 0.0) + 1e-4)
        w_mean = self.w_statistics[:rows]
        w_spread = self.w_statistics[all_rows : all_rows + rows]
        w_context = self.w_statistics[2 * all_rows :]
        own = w_mean.T @ mean + w_spread.T @ spread + w_context.T @ context
        own = own + self.b_features[:, None]
        h = _apply(self.w_features[:rows], features) + own[:, None]
        h = jax.nn.relu(h)
        pooled = jnp.mean(h, axis=1)
        shared = self.w_layer.T @ jnp.mean(pooled, axis=1) + self.b_hidden
        pooled = self.w_pooled.T @ pooled + shared[:, None]
        h = jax.nn.relu(_apply(self.w_hidden, h) + pooled[:, None])
        return (
            _apply(self.w_readout[:, readouts], h)
            + _apply(self.w_skip[:rows, readouts], features)
            + self.b_readout[readouts, None, None]
        )

    def _send_back(self, phi: Phi, layer: int, delta: Array) -> Float[Array, "K batch below"]:
        w = (phi.backward or phi.weights)[layer - 1]
        error = jnp.einsum("kbn,mn->kbm", delta, w) * (w.shape[0] / w.shape[1]) ** 0.5
        size = jnp.mean(error * error, axis=(1, 2), keepdims=True)
        return error * jax.lax.rsqrt(size + 0.01)


def _first_mixture(config: LocalSettings) -> Array:
    """Term weights of a fresh rule; the subspace term begins in the top layer, and in those that
    begin as the top layer."""
    mixture = jnp.array([1.0, 0.03, 0.0])
    if not config.subspace:
        return mixture
    alone = jnp.array([0.0, float(config.resting_bias), 1.0])
    return jnp.concatenate([jnp.tile(mixture, (terms.PLACES, 1)), alone[:, None]], axis=1)


def _apply(
    matrix: Float[Array, "channels out"], planes: Float[Array, "channels batch units"]
) -> Float[Array, "out batch units"]:
    """One linear layer of every neuron's network, as a single matrix product."""
    channels, batch, units = planes.shape
    return (matrix.T @ planes.reshape(channels, -1)).reshape(-1, batch, units)
