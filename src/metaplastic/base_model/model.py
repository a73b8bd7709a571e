"""The base model φ: layers with batch norm, as a pytree (paper A.1).

`z^l = BN(x^{l-1} W^l) + b^l` and `x^l = act(z^l)`, plus x^{l-s} in a residual layer; the features
are `x^L`. Batch norm comes before the bias and uses the statistics of the minibatch; a fitted model
stores statistics (`population_statistics`), so that a row has the same features alone as in a
batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float

from metaplastic.base_model.activations import get_activation
from metaplastic.base_model.batch_norm import Statistics, normalise, statistics_of
from metaplastic.base_model.dense import pool
from metaplastic.base_model.layer import Layer
from metaplastic.base_model.spec import ModelSpec


class Phi(eqx.Module):
    """The base model's parameters, changed by the inner loop: `layers[l]` holds W^{l+1}, b^{l+1}
    and, if the rule needs it, V^{l+1}. `spec` describes its shape."""

    layers: tuple[Layer, ...]
    spec: ModelSpec = eqx.field(static=True)

    @property
    def weights(self) -> tuple[Float[Any, "*_tasks _fan_in _units"], ...]:
        """W^1 to W^L; NumPy arrays if φ was copied to the host."""
        return tuple(layer.weight for layer in self.layers)

    @property
    def biases(self) -> tuple[Float[Any, "*_tasks _units"], ...]:
        """b^1 to b^L."""
        return tuple(layer.bias for layer in self.layers)

    @property
    def backward(self) -> tuple[Float[Any, "*_tasks _fan_in _units"], ...]:
        """V^1 to V^L; empty if errors go back through W^T."""
        return tuple(layer.backward for layer in self.layers if layer.backward is not None)

    @property
    def activation(self) -> str:
        """The name of the activation of all layers."""
        return self.spec.activation

    @property
    def sizes(self) -> tuple[int, ...]:
        """(N_0, ..., N_L), the numbers of values that each layer is read as."""
        return self.spec.widths

    def replaced(
        self,
        weights: Sequence[Any] | None = None,
        biases: Sequence[Any] | None = None,
        backward: Sequence[Any] | None = None,
    ) -> Phi:
        """Return φ with other weights, biases or backward weights, given layer by layer."""
        given = {"weight": weights, "bias": biases, "backward": backward or None}
        layers = tuple(
            dataclasses.replace(
                layer, **{name: new[i] for name, new in given.items() if new is not None}
            )
            for i, layer in enumerate(self.layers)
        )
        return dataclasses.replace(self, layers=layers)


class Activity(NamedTuple):
    """Post- and pre-activations of every layer, (batch, ...); x[0] and z[0] are the input."""

    x: tuple[Float[Array, "batch *shape"], ...]
    z: tuple[Float[Array, "batch *shape"], ...]


def forward(phi: Phi, x: Float[Array, "batch inputs"]) -> Activity:
    """Compute every x^l and z^l, with batch norm over the minibatch `x` of flat rows."""
    return _run(phi, x, None)[0]


def features(
    phi: Phi,
    x: Float[Array, "batch inputs"],
    statistics: Sequence[Statistics] | None = None,
) -> Float[Array, "batch features"]:
    """Compute x^L as a matrix, with batch norm over `x` or with given `statistics` (per layer)."""
    return read(phi, _run(phi, x, statistics)[0].x[-1])


def layer_features(
    phi: Phi,
    x: Float[Array, "batch inputs"],
    statistics: Sequence[Statistics] | None = None,
) -> tuple[Float[Array, "batch _width"], ...]:
    """Return the inputs and x^1 to x^L, each as a matrix, with batch norm as in `features`."""
    _, *above = _run(phi, x, statistics)[0].x
    return (x, *(read(phi, activity) for activity in above))


def read(phi: Phi, x: Float[Array, "batch *shape"]) -> Float[Array, "batch width"]:
    """Flatten a layer's activity to a matrix, maps after averaging over regions (`spec.pool`)."""
    if phi.spec.pool is not None:
        x = pool(x, phi.spec.pool)
    return x.reshape(x.shape[0], -1)


def population_statistics(phi: Phi, x: Float[Array, "batch inputs"]) -> tuple[Statistics, ...]:
    """Compute the batch-norm statistics of every layer over `x`."""
    return _run(phi, x, None)[1]


def _run(
    phi: Phi, x: Array, statistics: Sequence[Statistics] | None
) -> tuple[Activity, tuple[Statistics, ...]]:
    """Compute the activity of every layer and the batch-norm statistics used."""
    act = get_activation(phi.activation)
    x = x.reshape(x.shape[0], *phi.spec.inputs)
    xs, zs, used = [x], [x], []
    for number, layer in enumerate(phi.layers):
        a = layer.linear(xs[-1])
        used.append(statistics_of(a) if statistics is None else statistics[number])
        z = normalise(a, used[-1]) + layer.bias.reshape((1,) * (a.ndim - 1) + (-1,))
        post = act(z)
        if layer.connection.skip:
            post = post + xs[number + 1 - layer.connection.skip]
        xs.append(post)
        zs.append(z)
    return Activity(tuple(xs), tuple(zs)), tuple(used)
