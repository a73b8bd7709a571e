"""The update network: one small network shared by every neuron of every layer.

    h1 = relu(f w_features + [mean_b f, spread_b f, c] w_statistics + b_features)
    h2 = relu(h1 w_hidden + (mean_b h1) w_pooled + (mean_bj h1) w_layer + b_hidden)
    readout = h2 w_readout + f w_skip + b_readout

f are a neuron's senses on one example, and c those that do not depend on the example. Means and
spreads, √(variance + 10⁻⁴), are over cells b (examples and positions), and over units j too where
named. What depends on a unit but not on the example is added after the matrix product, never
broadcast before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from metaplastic.rules.local.blockwise import Blocks, blocks_of, map_cells, mean_of_cells
from metaplastic.rules.local.layout import readout_columns, rows_of, statistics_rows

if TYPE_CHECKING:
    from metaplastic.rules.local import Local


class Readout(NamedTuple):
    """The outputs of every neuron on every example, (channels, cells, units); the input layer has
    `pre` only.

    error: the neuron's contribution to the error signal it sends down (K); pre and post: the
    factors of the low-rank change of its outgoing and its incoming weights (C each); bias: the
    drive of its bias (1).
    """

    error: Float[Array, "K cells units"] | None
    pre: Float[Array, "C cells units"]
    post: Float[Array, "C cells units"] | None
    bias: Float[Array, "1 cells units"] | None


class _Layer(NamedTuple):
    """A hidden layer: its matrix, and what is added for each unit, examples apart."""

    matrix: Float[Array, "channels H"]
    per_unit: Float[Array, "H units"]


def apply_network(rule: Local, senses: Mapping[str, Array], *, is_input: bool) -> Readout:
    """Compute every neuron's readouts from its senses, which are in the order of θ's rows.

    Senses that the neurons of this layer do not have, as in the input layer, count as zero. In the
    input layer only `pre` is read out.
    """
    settings, rows = rule.config, rows_of(rule.config)
    example_rows = [rows.example[name] for name in senses if name in rows.example]
    unit_rows = [rows.unit[name] for name in senses if name in rows.unit]
    f = jnp.concatenate([senses[name] for name in senses if name in rows.example])
    context = [senses[name] for name in senses if name in rows.unit]
    c = jnp.concatenate(context) if context else jnp.zeros((0, f.shape[-1]))

    parts = statistics_rows(settings)
    per_unit = _take(rule.w_statistics[parts["context"]], unit_rows).T @ c
    per_unit = per_unit + rule.b_features[:, None]
    if settings.has("statistics"):
        mean = jnp.mean(f, axis=1)
        spread = jnp.sqrt(jnp.maximum(jnp.mean(f**2, axis=1) - mean**2, 0.0) + 1e-4)
        w_mean = _take(rule.w_statistics[parts["mean"]], example_rows)
        w_spread = _take(rule.w_statistics[parts["spread"]], example_rows)
        per_unit = per_unit + w_mean.T @ mean + w_spread.T @ spread
    first = _Layer(_take(rule.w_features, example_rows), per_unit)
    blocks = blocks_of(*f.shape[1:])
    h1, pooled = _pooled(first, f, blocks)

    per_unit = rule.b_hidden[:, None]
    if settings.has("pooling"):
        per_layer = rule.w_layer.T @ jnp.mean(pooled, axis=1)
        per_unit = per_unit + rule.w_pooled.T @ pooled + per_layer[:, None]
    second = _Layer(rule.w_hidden, per_unit)

    columns = readout_columns(settings)
    used = columns["pre"] if is_input else slice(None)
    w_skip = _take(rule.w_skip, example_rows)[:, used]
    layers = first, second, (rule.w_readout[:, used], w_skip, rule.b_readout[used])
    whole = blocks is None
    out = _readouts(layers, f, h1) if whole else map_cells(_readouts, blocks, layers, f)
    if is_input:
        return Readout(error=None, pre=out, post=None, bias=None)
    return Readout(**{name: out[channels] for name, channels in columns.items()})


def _pooled(
    layer: _Layer, f: Float[Array, "f cells units"], blocks: Blocks | None
) -> tuple[Float[Array, "H cells units"] | None, Float[Array, "H units"]]:
    """Compute h1 and its mean over cells; in blocks, h1 is not kept."""
    if blocks is None:
        h1 = _hidden(layer, f)
        return h1, jnp.mean(h1, axis=1)
    return None, mean_of_cells(_hidden, blocks, layer, f)


def _hidden(
    layer: _Layer, planes: Float[Array, "channels cells units"]
) -> Float[Array, "H cells units"]:
    return jax.nn.relu(apply(layer.matrix, planes) + layer.per_unit[:, None])


def _readouts(layers: tuple[_Layer, _Layer, Any], f: Array, h1: Array | None = None) -> Array:
    """Compute the readouts from the features, and from h1 if it is at hand."""
    first, second, (w_readout, w_skip, b_readout) = layers
    h2 = _hidden(second, _hidden(first, f) if h1 is None else h1)
    return apply(w_readout, h2) + apply(w_skip, f) + b_readout[:, None, None]


def apply(
    matrix: Float[Array, "channels out"], planes: Float[Array, "channels cells units"]
) -> Float[Array, "out cells units"]:
    """Apply a linear layer to every neuron, as a single matrix product."""
    channels, cells, units = planes.shape
    return (matrix.T @ planes.reshape(channels, -1)).reshape(-1, cells, units)


def _take(matrix: Array, rows: Sequence[slice]) -> Array:
    """Take some rows of a matrix; without a copy if they are adjacent, as they mostly are."""
    if not rows:
        return matrix[:0]
    if all(a.stop == b.start for a, b in pairwise(rows)):
        return matrix[rows[0].start : rows[-1].stop]
    return jnp.concatenate([matrix[r] for r in rows])
