"""Senses: the inputs of a neuron's update network. To add one, write a file with its class and add
a line to `SENSES` with its name and import path.

A sense is a stack of channels with one number per unit, either for every example, (channels, cells,
units), or independent of the example, (channels, units). Cells are examples and, in a feature map,
positions.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from metaplastic.base_model import Activity as Activities
from metaplastic.base_model import Layer, Phi, fold
from metaplastic.registry import Registry
from metaplastic.rules import lateral

if TYPE_CHECKING:
    from metaplastic.rules.local.settings import LocalSettings


class View(NamedTuple):
    """What the neurons of layer `number` of `top` see; layer 0 is the input.

    `x` and `z` are x^l and z^l with positions folded into the examples; `activity` is x^l in its
    original shape. `layer` holds the incoming weights, `reader` the outgoing ones. `z`, `x_hat`,
    `correlation` and `layer` are None in the input layer, `reader` is None in the top layer.
    """

    number: int
    top: int
    activity: Float[Array, "batch *shape"]
    x: Float[Array, "cells units"]
    z: Float[Array, "cells units"] | None
    x_hat: Float[Array, "cells units"] | None
    correlation: lateral.Correlation | None
    error: Float[Array, "K cells units"] | None
    layer: Layer | None
    reader: Layer | None
    t: Int[Array, ""]

    @property
    def is_input(self) -> bool:
        return self.number == 0

    @property
    def is_top(self) -> bool:
        return self.number == self.top


def view_of(
    phi: Phi,
    activity: Activities,
    number: int,
    error: Float[Array, "K cells units"] | None,
    t: Int[Array, ""],
) -> View:
    """Build the view of a layer at inner step `t`. `error` is the sum of the errors sent to the
    layer; each of its channels is normalised here by its rms."""
    x, is_input = fold(activity.x[number]), number == 0
    x_hat = None if is_input else lateral.standardise_units(x)
    if error is not None:
        mean_square = jnp.mean(error * error, axis=(1, 2), keepdims=True)
        error = error * jax.lax.rsqrt(mean_square + 0.01)
    return View(
        number=number,
        top=len(phi.layers),
        activity=activity.x[number],
        x=x,
        z=None if is_input else fold(activity.z[number]),
        x_hat=x_hat,
        correlation=None if x_hat is None else lateral.correlation(x_hat),
        error=error,
        layer=None if is_input else phi.layers[number - 1],
        reader=phi.layers[number] if number < len(phi.layers) else None,
        t=t,
    )


class Sense(abc.ABC):
    """A named stack of channels."""

    name: ClassVar[str]
    optional: ClassVar[bool] = False  # off unless a rule's settings switch it on
    per_example: ClassVar[bool] = True
    of_inputs: ClassVar[bool] = False  # whether units of the input layer have it too

    @abc.abstractmethod
    def channels(self, settings: LocalSettings) -> int:
        """Return the number of channels."""

    @abc.abstractmethod
    def __call__(self, view: View) -> Float[Array, "channels *cells units"]:
        """Compute the channels for the units of a layer."""


class Activity(Sense):
    """x^l."""

    name = "activity"
    of_inputs = True

    def channels(self, settings: LocalSettings) -> int:
        return 1

    def __call__(self, view: View) -> Float[Array, "1 cells units"]:
        return view.x[None]


class Error(Sense):
    """e^l, K channels: the error signal from the layers above (see `Local.update`)."""

    name = "error"
    of_inputs = True

    def channels(self, settings: LocalSettings) -> int:
        return settings.error_channels

    def __call__(self, view: View) -> Float[Array, "K cells units"]:
        assert view.error is not None
        return view.error


class Preactivation(Sense):
    """z^l."""

    name = "preactivation"

    def channels(self, settings: LocalSettings) -> int:
        return 1

    def __call__(self, view: View) -> Float[Array, "1 cells units"]:
        assert view.z is not None
        return view.z[None]


class Lateral(Sense):
    """The unit among the others of its group, mostly by their pre-activations z^l: the six channels
    of `lateral.lateral_features`."""

    name = "lateral"

    def channels(self, settings: LocalSettings) -> int:
        return lateral.CHANNELS

    def __call__(self, view: View) -> Float[Array, "channels cells units"]:
        assert view.z is not None
        assert view.x_hat is not None
        assert view.correlation is not None
        return lateral.lateral_features(view.z, view.x_hat, view.correlation)


class Neighbours(Sense):
    """Activity averaged over an example's nearest neighbours in the minibatch, Σ_b' s_bb' x_b'.

    The affinities are s = softmax_b'(-10 d²_bb' / mean d²), d being the distances between the
    standardised activities of the examples in this layer; the example itself is left out. UMAP and
    label spreading use similar affinities.
    """

    name = "neighbours"
    optional = True

    def channels(self, settings: LocalSettings) -> int:
        return 1

    def __call__(self, view: View) -> Float[Array, "1 cells units"]:
        assert view.x_hat is not None
        examples = view.activity.shape[0]
        rows = view.x_hat.reshape(examples, -1)
        squares = jnp.sum(rows * rows, axis=1)
        distance = squares[:, None] + squares[None] - 2.0 * rows @ rows.T
        itself = jnp.eye(examples, dtype=rows.dtype)
        scale = jnp.sum(distance) / (examples * max(1, examples - 1)) + 1e-6
        logits = -SHARPNESS_OF_NEIGHBOURS * distance / scale - 1e9 * itself
        weight = jnp.exp(logits - jnp.max(logits, axis=1, keepdims=True))
        weight = weight / jnp.sum(weight, axis=1, keepdims=True)
        return (weight @ view.x.reshape(examples, -1)).reshape(1, *view.x.shape)


SHARPNESS_OF_NEIGHBOURS = 10.0  # affinities fall by exp(-10) at the mean squared distance


class WeightStatistics(Sense):
    """Incoming weights: `√n mean |w|` and `√n mean w`; outgoing: `√n mean |w|` and `√n rms w`, n
    being the fan-in of the layer that the weights belong to. Zeros if there are none."""

    name = "weights"
    per_example = False
    of_inputs = True

    def channels(self, settings: LocalSettings) -> int:
        return 4

    def __call__(self, view: View) -> Float[Array, "4 units"]:
        zeros = jnp.zeros(view.x.shape[-1], view.x.dtype)
        into, out = [zeros, zeros], [zeros, zeros]
        if view.layer is not None:
            w, scale = view.layer.weight, view.layer.fan_in**0.5
            into = [jnp.mean(jnp.abs(w), axis=0) * scale, jnp.mean(w, axis=0) * scale]
        if view.reader is not None:
            w, scale = view.reader.outgoing(view.reader.weight), view.reader.fan_in**0.5
            out = [
                jnp.mean(jnp.abs(w), axis=(0, 2)) * scale,
                jnp.sqrt(jnp.mean(w * w, axis=(0, 2)) + 1e-6) * scale,
            ]
        return jnp.stack([*into, *out])


class Bias(Sense):
    """b^l; zero in the input layer."""

    name = "bias"
    per_example = False
    of_inputs = True

    def channels(self, settings: LocalSettings) -> int:
        return 1

    def __call__(self, view: View) -> Float[Array, "1 units"]:
        if view.layer is None:
            return jnp.zeros((1, view.x.shape[-1]), view.x.dtype)
        return view.layer.bias[None]


class Position(Sense):
    """Whether the layer is the input layer, and whether it is the top layer."""

    name = "position"
    per_example = False
    of_inputs = True

    def channels(self, settings: LocalSettings) -> int:
        return 2

    def __call__(self, view: View) -> Float[Array, "2 units"]:
        return _constant(view, view.is_input, view.is_top)


class Age(Sense):
    """log(1 + t / 10) / 4 after t inner steps."""

    name = "age"
    per_example = False
    of_inputs = True

    def channels(self, settings: LocalSettings) -> int:
        return 1

    def __call__(self, view: View) -> Float[Array, "1 units"]:
        age = jnp.log1p(jnp.asarray(view.t, view.x.dtype) / 10.0) / 4.0
        return jnp.broadcast_to(age, (1, view.x.shape[-1]))


class First(Sense):
    """Whether the layer is the first above the inputs. Switched on by `resting_bias`."""

    name = "first"
    optional = True
    per_example = False
    of_inputs = True

    def channels(self, settings: LocalSettings) -> int:
        return 1

    def __call__(self, view: View) -> Float[Array, "1 units"]:
        return _constant(view, view.number == 1)


def _constant(view: View, *flags: bool) -> Float[Array, "flags units"]:
    column = jnp.array(flags, view.x.dtype)[:, None]
    return jnp.broadcast_to(column, (len(flags), view.x.shape[-1]))


# in the order of θ's rows: per-example senses first, and of these, those of the inputs first
SENSES: Registry[type[Sense]] = Registry(
    "sense",
    {
        "activity": Activity,
        "error": Error,
        "preactivation": Preactivation,
        "lateral": Lateral,
        "neighbours": Neighbours,
        "weights": WeightStatistics,
        "bias": Bias,
        "position": Position,
        "age": Age,
        "first": First,
    },
    group="senses",
    base="metaplastic.rules.local.senses:Sense",
    named_by="name",
    instances="allowed",
)
