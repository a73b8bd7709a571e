"""The update network: one small network shared by every neuron of every layer.

    h1 = relu(A f + A_m mean(f) + A_s std(f) + A_c c + a)
    h2 = relu(B h1 + B_p mean_b(h1) + B_l mean_bj(h1) + b)
    readout = C h2 + D f + d

f are a neuron's senses on one example and c those that do not depend on the example. Means and
standard deviations are over cells b (examples and positions), and over units j too where named.
Quantities that depend on a unit but not on the example are added after the matrix product, never
broadcast before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from metaplastic.rules.local.blockwise import blocks_of, map_cells, mean_of_cells

if TYPE_CHECKING:
    from metaplastic.rules.local import Local
    from metaplastic.rules.local.settings import LocalSettings


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


class Rows(NamedTuple):
    """The rows of θ's matrices for each sense, per-example and per-unit ones apart."""

    example: dict[str, slice]
    unit: dict[str, slice]

    @property
    def features(self) -> int:
        """F, the number of rows of `w_features`."""
        return _end(self.example)

    @property
    def context(self) -> int:
        """The number of rows of senses that do not depend on the example."""
        return _end(self.unit)


def rows_of(settings: LocalSettings) -> Rows:
    """Return the rows of each sense in a rule of these settings."""
    rows = Rows({}, {})
    for sense in settings.senses:
        slices = rows.example if sense.per_example else rows.unit
        start = _end(slices)
        slices[sense.name] = slice(start, start + sense.channels(settings))
    return rows


def statistics_rows(settings: LocalSettings) -> dict[str, slice]:
    """Return the parts of `w_statistics`: means and spreads of features, if used, then context."""
    rows = rows_of(settings)
    sizes = {"context": rows.context}
    if settings.has("statistics"):
        sizes = {"mean": rows.features, "spread": rows.features, **sizes}
    slices: dict[str, slice] = {}
    for name, size in sizes.items():
        slices[name] = slice(_end(slices), _end(slices) + size)
    return slices


def readout_columns(settings: LocalSettings) -> dict[str, slice]:
    """Return the columns of `w_readout` for each field of `Readout`."""
    k, c = settings.error_channels, settings.readout_channels
    return {
        "error": slice(0, k),
        "pre": slice(k, k + c),
        "post": slice(k + c, k + 2 * c),
        "bias": slice(k + 2 * c, k + 2 * c + 1),
    }


def labels(settings: LocalSettings) -> dict[str, list[tuple[Any, ...]]]:
    """Name each row and column of θ's arrays, axis by axis; `AXES` lists the axes of each."""
    rows = rows_of(settings)

    def names(slices: dict[str, slice], *prefix: str) -> list[tuple[Any, ...]]:
        return [(*prefix, name, i) for name, s in slices.items() for i in range(s.stop - s.start)]

    features = names(rows.example)
    statistics = names(rows.unit, "context")
    if settings.has("statistics"):
        spread = names(rows.example, "spread")
        statistics = [*names(rows.example, "mean"), *spread, *statistics]
    return {
        "features": features,
        "without_error": [row for row in features if row[0] != "error"],
        "statistics": statistics,
        "hidden": [(i,) for i in range(settings.hidden)],
        "readouts": names(readout_columns(settings)),
        "errors": [(i,) for i in range(settings.error_channels)],
        "terms": [(term.name,) for term in settings.terms],
    }


# the trailing axes of each of θ's arrays
AXES = {
    "w_features": ("features", "hidden"),
    "w_statistics": ("statistics", "hidden"),
    "b_features": ("hidden",),
    "w_hidden": ("hidden", "hidden"),
    "w_pooled": ("hidden", "hidden"),
    "w_layer": ("hidden", "hidden"),
    "b_hidden": ("hidden",),
    "w_readout": ("hidden", "readouts"),
    "w_skip": ("features", "readouts"),
    "b_readout": ("readouts",),
    "w_top": ("without_error", "errors"),
    "error_gate": ("errors",),
    "term_weights": ("terms",),
}


def apply_network(
    rule: Local,
    features: Float[Array, "f cells units"],
    context: Float[Array, "c units"],
    senses: Sequence[str],
) -> Readout:
    """Compute every neuron's readouts.

    `features` are the channels of `senses`, in that order. In the input layer, which has only some
    of the rule's senses, the others count as zero and only `pre` is read out.
    """
    settings = rule.config
    rows = rows_of(settings)
    used_rows = [rows.example[name] for name in senses]
    parts = statistics_rows(settings)

    per_unit = rule.w_statistics[parts["context"]].T @ context + rule.b_features[:, None]
    if settings.has("statistics"):
        mean = jnp.mean(features, axis=1)
        spread = jnp.sqrt(jnp.maximum(jnp.mean(features**2, axis=1) - mean**2, 0.0) + 1e-4)
        w_mean = _take(rule.w_statistics[parts["mean"]], used_rows)
        w_spread = _take(rule.w_statistics[parts["spread"]], used_rows)
        per_unit = per_unit + w_mean.T @ mean + w_spread.T @ spread
    first = _take(rule.w_features, used_rows), per_unit
    blocks = blocks_of(*features.shape[1:])
    if blocks is None:
        h = _hidden(first, features)
        pooled = jnp.mean(h, axis=1)
    else:
        h, pooled = None, mean_of_cells(_hidden, blocks, first, features)

    per_unit = rule.b_hidden[:, None]
    if settings.has("pooling"):
        per_layer = rule.w_layer.T @ jnp.mean(pooled, axis=1)
        per_unit = per_unit + rule.w_pooled.T @ pooled + per_layer[:, None]
    second = rule.w_hidden, per_unit

    columns = readout_columns(settings)
    used_columns = columns["pre"] if len(used_rows) < len(rows.example) else slice(None)
    last = (
        rule.w_readout[:, used_columns],
        _take(rule.w_skip, used_rows)[:, used_columns],
        rule.b_readout[used_columns],
    )
    layers = first, second, last
    if blocks is None:
        out = _readouts(layers, features, h)
    else:
        out = map_cells(_readouts, blocks, layers, features)
    if used_columns == columns["pre"]:
        return Readout(None, out, None, None)
    return Readout(**{name: out[channels] for name, channels in columns.items()})


def _hidden(layer: tuple[Array, Array], planes: Array) -> Array:
    """Apply a hidden layer, given its matrix and what is added for each unit."""
    matrix, per_unit = layer
    return jax.nn.relu(apply(matrix, planes) + per_unit[:, None])


def _readouts(layers: tuple[Any, Any, Any], features: Array, h: Array | None = None) -> Array:
    """Compute the readouts from the features, and the first hidden layer's activity if it is at
    hand; `layers` are the matrices of all layers, in order."""
    first, second, (readout, skip, bias) = layers
    h = _hidden(second, _hidden(first, features) if h is None else h)
    return apply(readout, h) + apply(skip, features) + bias[:, None, None]


def apply(
    matrix: Float[Array, "channels out"], planes: Float[Array, "channels cells units"]
) -> Float[Array, "out cells units"]:
    """Apply a linear layer to every neuron, as a single matrix product."""
    channels, cells, units = planes.shape
    return (matrix.T @ planes.reshape(channels, -1)).reshape(-1, cells, units)


def _take(matrix: Array, rows: Sequence[slice]) -> Array:
    """Take some rows of a matrix; without a copy if they are adjacent, as they mostly are."""
    if all(a.stop == b.start for a, b in pairwise(rows)):
        return matrix[rows[0].start : rows[-1].stop]
    return jnp.concatenate([matrix[r] for r in rows])


def _end(slices: dict[str, slice]) -> int:
    return next(reversed(slices.values())).stop if slices else 0
