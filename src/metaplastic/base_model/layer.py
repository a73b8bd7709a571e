"""A layer of φ: its weights, and the operations on its linear map that rules need.

All operations are transposes of `Connection.linear` in one of its two arguments, so that a rule is
written once for every kind of layer. Planes are stacks (channels, batch · positions, units) with
one number per unit, example and position.
"""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from metaplastic.base_model.connection import Connection, Shape


class Layer(eqx.Module):
    """W^l, b^l and, if the rule sends errors back through separate weights, V^l.

    They are JAX arrays, or NumPy arrays if φ was copied to the host.
    """

    weight: Float[Any, "*tasks fan_in units"]
    bias: Float[Any, "*tasks units"]
    backward: Float[Any, "*tasks fan_in units"] | None
    connection: Connection = eqx.field(static=True)
    below: Shape = eqx.field(static=True)

    @property
    def above(self) -> Shape:
        """The shape of one example's activity."""
        return self.connection.above(self.below)

    @property
    def fan_in(self) -> int:
        """The number of weights in a receptive field."""
        return self.connection.fan_in(self.below)

    @property
    def fan_out(self) -> float:
        """The mean number of weights that read a unit below at one position."""
        weights = self.fan_in * math.prod(self.above)
        return weights / math.prod(self.below)

    @property
    def units_below(self) -> int:
        """N_{l-1}, the number of units of the layer below."""
        return self.below[-1]

    def linear(
        self, x: Float[Array, "batch *below"], w: Float[Array, "fan_in units"] | None = None
    ) -> Float[Array, "batch *above"]:
        """Compute `x W`, with the layer's own weights or the given ones."""
        return self.connection.linear(x, self.weight if w is None else w)

    def correlate(
        self,
        pre: Float[Array, "channels cells_below units_below"],
        post: Float[Array, "channels cells_above units"],
    ) -> Float[Array, "fan_in units"]:
        """Compute Σ_{c,b} pre_{cbi} post_{cbj} for every weight (i, j): the transpose of `linear`
        in W.

        For a weight shared by several positions, their products are summed.
        """
        x, a = self._unfold(pre, self.below), self._unfold(post, self.above)
        (w,) = jax.linear_transpose(lambda w: self.linear(x, w), self.weight)(a)
        return w

    def send_back(
        self,
        planes: Float[Array, "channels cells_above units"],
        w: Float[Array, "fan_in units"] | None = None,
    ) -> Float[Array, "channels cells_below units_below"]:
        """Compute `planes W^T`, the transpose of `linear` in x, with W or the given weights."""
        a = self._unfold(planes, self.above)
        like = jax.ShapeDtypeStruct((a.shape[0], *self.below), a.dtype)
        (x,) = jax.linear_transpose(lambda x: self.linear(x, w), like)(a)
        return x.reshape(planes.shape[0], -1, self.units_below)

    def outgoing(self, w: Float[Array, "fan_in units"]) -> Float[Array, "kernel below above"]:
        """Group weights by the unit below that they read; the first axis is the position in the
        receptive field."""
        return w.reshape(-1, self.units_below, w.shape[-1])

    def _unfold(
        self, planes: Float[Array, "channels cells units"], shape: Shape
    ) -> Float[Array, "examples *shape"]:
        return planes.reshape(-1, *shape)


def fold(x: Float[Array, "batch *shape"]) -> Float[Array, "cells units"]:
    """Fold the positions of activity into its examples: all values of each unit in a column."""
    return x.reshape(-1, x.shape[-1])


def unit_norm(w: Float[Array, "fan_in units"]) -> Float[Array, "fan_in units"]:
    """Scale every receptive field (column) of `w` to norm one."""
    return w * jax.lax.rsqrt(jnp.sum(w * w, axis=-2, keepdims=True) + 1e-12)
