"""The base model φ: a multi-layer perceptron with batch norm, as a pytree (paper A.1).

`z^l = BN(x^{l-1} W^l) + b^l` and `x^l = act(z^l)`; the features are `x^L`. Batch norm comes before
the bias and uses the minibatch's own statistics; a fitted model keeps statistics of its own
(`population_statistics`), so that one row gives the same features alone as in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from metaplastic.errors import ConfigError, unknown_name

BN_EPSILON = 1e-5

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "leaky_relu": lambda z: jax.nn.leaky_relu(z, 0.1),
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": jax.nn.gelu,
    "sin": jnp.sin,
    "step": lambda z: (z > 0).astype(z.dtype),
}


def get_activation(name: str) -> Callable[[Array], Array]:
    """The activation of that name; raises `ConfigError` naming those known."""
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


class Phi(eqx.Module):
    """The base model's parameters, changed by the inner loop.

    `weights[l]` is W^{l+1}, of shape (N_l, N_{l+1}); `biases[l]` is b^{l+1}, (N_{l+1},);
    `backward` holds V, shaped like the weights, or is empty where the rule sends its error
    signals back through W^T.
    """

    weights: tuple[Float[Array, "below above"], ...]
    biases: tuple[Float[Array, " above"], ...]
    backward: tuple[Float[Array, "below above"], ...]
    activation: str = eqx.field(static=True)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(N_0, ..., N_L)."""
        return (self.weights[0].shape[-2], *(w.shape[-1] for w in self.weights))


class Statistics(NamedTuple):
    """Mean and variance that batch norm uses in one layer, each of shape (N_l,)."""

    mean: Float[Array, " units"]
    variance: Float[Array, " units"]


class Activity(NamedTuple):
    """Post- and pre-activations of every layer: `x[0]` is the input, `z[0]` too."""

    x: tuple[Float[Array, "batch units"], ...]
    z: tuple[Float[Array, "batch units"], ...]


def initialise(
    key: PRNGKeyArray, sizes: Iterable[int], activation: str = "relu", *, backward: bool = False
) -> Phi:
    """A random φ with receptive fields of unit norm and zero biases.

    Batch norm makes the scale of a receptive field irrelevant to the features, so unit norm
    loses nothing. `sizes` is (N_0, ..., N_L). Raises `ConfigError` on fewer than two sizes, a
    size below one, or an unknown activation.
    """
    sizes = tuple(sizes)
    get_activation(activation)
    if len(sizes) < 2 or any(n < 1 for n in sizes):
        raise ConfigError(
            f"layer sizes {sizes}: need an input size and at least one layer, all >= 1"
        )

    def receptive_fields(key: PRNGKeyArray) -> tuple[Array, ...]:
        keys = jax.random.split(key, len(sizes) - 1)
        drawn = (
            jax.random.normal(k, (below, above))
            for k, below, above in zip(keys, sizes[:-1], sizes[1:], strict=True)
        )
        return tuple(unit_norm(w) for w in drawn)

    forward_key, backward_key = jax.random.split(key)
    return Phi(
        weights=receptive_fields(forward_key),
        biases=tuple(jnp.zeros(n) for n in sizes[1:]),
        backward=receptive_fields(backward_key) if backward else (),
        activation=activation,
    )


def unit_norm(w: Float[Array, "below above"]) -> Float[Array, "below above"]:
    """`w` with every receptive field (column) scaled to norm one."""
    return w * jax.lax.rsqrt(jnp.sum(w * w, axis=-2, keepdims=True) + 1e-12)


def _layer(
    phi: Phi, layer: int, x: Array, statistics: Statistics | None
) -> tuple[Array, Array, Statistics]:
    a = x @ phi.weights[layer]
    if statistics is None:
        statistics = Statistics(jnp.mean(a, axis=0), jnp.var(a, axis=0))
    scale = jax.lax.rsqrt(statistics.variance + BN_EPSILON)
    z = (a - statistics.mean[None]) * scale[None] + phi.biases[layer][None]
    return get_activation(phi.activation)(z), z, statistics


def forward(phi: Phi, x: Float[Array, "batch inputs"]) -> Activity:
    """Every x^l and z^l, with batch norm over the minibatch `x`."""
    xs, zs = [x], [x]
    for layer in range(len(phi.weights)):
        post, pre, _ = _layer(phi, layer, xs[-1], None)
        xs.append(post)
        zs.append(pre)
    return Activity(tuple(xs), tuple(zs))


def features(
    phi: Phi,
    x: Float[Array, "batch inputs"],
    statistics: tuple[Statistics, ...] | None = None,
) -> Float[Array, "batch features"]:
    """x^L. Batch norm over `x` itself, or by the `statistics` given (one per layer)."""
    for layer in range(len(phi.weights)):
        x, _, _ = _layer(phi, layer, x, None if statistics is None else statistics[layer])
    return x


def population_statistics(phi: Phi, x: Float[Array, "batch inputs"]) -> tuple[Statistics, ...]:
    """The batch-norm statistics of every layer over `x`, layer by layer."""
    found = []
    for layer in range(len(phi.weights)):
        x, _, statistics = _layer(phi, layer, x, None)
        found.append(statistics)
    return tuple(found)
