"""The update network: one small network shared by every neuron of every layer.

    h1 = relu(A f + A_m mean(f) + A_s std(f) + A_c c + a)
    h2 = relu(B h1 + B_p mean_b(h1) + B_l mean_bj(h1) + b)
    readout = C h2 + D f + d

f are a neuron's senses on one example, c those that do not depend on the example; means and
standard deviations are over cells (examples and positions), and over units too where j is named.
What depends on a unit but not on the example is added after the matrix product, never broadcast
before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

if TYPE_CHECKING:
    from metaplastic.rules.local import Local
    from metaplastic.rules.local.settings import LocalSettings


class Readout(NamedTuple):
    """What a neuron says on every example, (channels, cells, units); the input layer says `pre`
    alone.

    error: its part of the error signal that it sends on (K); pre and post: the factors of the
    low-rank change of its outgoing and of its incoming weights (C each); bias: of its bias (1).
    """

    error: Float[Array, "K cells units"] | None
    pre: Float[Array, "C cells units"]
    post: Float[Array, "C cells units"] | None
    bias: Float[Array, "1 cells units"] | None


class Rows(NamedTuple):
    """Which rows of θ's matrices each sense has: of single examples, and of units."""

    example: dict[str, slice]
    unit: dict[str, slice]

    @property
    def features(self) -> int:
        """F: rows of `w_features`."""
        return _end(self.example)

    @property
    def context(self) -> int:
        """Rows of senses that do not depend on the example."""
        return _end(self.unit)


def rows_of(settings: LocalSettings) -> Rows:
    """The rows of a rule of these settings."""
    rows = Rows({}, {})
    for sense in settings.senses:
        own = rows.example if sense.per_example else rows.unit
        start = _end(own)
        own[sense.name] = slice(start, start + sense.channels(settings))
    return rows


def statistics_rows(settings: LocalSettings) -> dict[str, slice]:
    """Parts of `w_statistics`: means and spreads of features, where they are, then the context."""
    rows = rows_of(settings)
    sizes = {"context": rows.context}
    if settings.has("statistics"):
        sizes = {"mean": rows.features, "spread": rows.features, **sizes}
    found: dict[str, slice] = {}
    for name, size in sizes.items():
        found[name] = slice(_end(found), _end(found) + size)
    return found


def readout_columns(settings: LocalSettings) -> dict[str, slice]:
    """The columns of `w_readout` that hold each field of `Readout`."""
    k, c = settings.error_channels, settings.readout_channels
    return {
        "error": slice(0, k),
        "pre": slice(k, k + c),
        "post": slice(k + c, k + 2 * c),
        "bias": slice(k + 2 * c, k + 2 * c + 1),
    }


def labels(settings: LocalSettings) -> dict[str, list[tuple[Any, ...]]]:
    """The meaning of each row and column of θ's arrays, axis by axis; `AXES` names the axes."""
    rows = rows_of(settings)

    def of(slices: dict[str, slice], *more: str) -> list[tuple[Any, ...]]:
        return [(*more, name, i) for name, s in slices.items() for i in range(s.stop - s.start)]

    features = of(rows.example)
    statistics = of(rows.unit, "context")
    if settings.has("statistics"):
        spread = of(rows.example, "spread")
        statistics = [*of(rows.example, "mean"), *spread, *statistics]
    return {
        "features": features,
        "own": [row for row in features if row[0] != "error"],
        "statistics": statistics,
        "hidden": [(i,) for i in range(settings.hidden)],
        "readouts": of(readout_columns(settings)),
        "errors": [(i,) for i in range(settings.error_channels)],
        "terms": [(term.name,) for term in settings.terms],
    }


# the axes of each of θ's arrays, the last ones
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
    "w_top": ("own", "errors"),
    "error_gate": ("errors",),
    "term_weights": ("terms",),
}


def apply_network(
    rule: Local,
    features: Float[Array, "f cells units"],
    context: Float[Array, "c units"],
    senses: Sequence[str],
) -> Readout:
    """Every neuron's readouts. `features` are the channels of `senses`, in their order; fewer than
    all of them, as in the input layer, are padded with zeros, and only `pre` is read out."""
    settings = rule.config
    rows = rows_of(settings)
    mine = [rows.example[name] for name in senses]
    parts = statistics_rows(settings)

    own = rule.w_statistics[parts["context"]].T @ context + rule.b_features[:, None]
    if settings.has("statistics"):
        mean = jnp.mean(features, axis=1)
        spread = jnp.sqrt(jnp.maximum(jnp.mean(features**2, axis=1) - mean**2, 0.0) + 1e-4)
        w_mean = _take(rule.w_statistics[parts["mean"]], mine)
        w_spread = _take(rule.w_statistics[parts["spread"]], mine)
        own = own + w_mean.T @ mean + w_spread.T @ spread
    h = jax.nn.relu(apply(_take(rule.w_features, mine), features) + own[:, None])

    shared = rule.b_hidden[:, None]
    if settings.has("pooling"):
        pooled = jnp.mean(h, axis=1)
        of_layer = rule.w_layer.T @ jnp.mean(pooled, axis=1)
        shared = shared + rule.w_pooled.T @ pooled + of_layer[:, None]
    h = jax.nn.relu(apply(rule.w_hidden, h) + shared[:, None])

    columns = readout_columns(settings)
    used = columns["pre"] if len(mine) < len(rows.example) else slice(None)
    out = (
        apply(rule.w_readout[:, used], h)
        + apply(_take(rule.w_skip, mine)[:, used], features)
        + rule.b_readout[used, None, None]
    )
    if used == columns["pre"]:
        return Readout(None, out, None, None)
    return Readout(**{name: out[where] for name, where in columns.items()})


def apply(
    matrix: Float[Array, "channels out"], planes: Float[Array, "channels cells units"]
) -> Float[Array, "out cells units"]:
    """One linear layer of every neuron's network, as a single matrix product."""
    channels, cells, units = planes.shape
    return (matrix.T @ planes.reshape(channels, -1)).reshape(-1, cells, units)


def _take(matrix: Array, rows: Sequence[slice]) -> Array:
    """Some rows of a matrix; neighbouring ones, as they mostly are, without a copy."""
    if all(a.stop == b.start for a, b in pairwise(rows)):
        return matrix[rows[0].start : rows[-1].stop]
    return jnp.concatenate([matrix[r] for r in rows])


def _end(slices: dict[str, slice]) -> int:
    return next(reversed(slices.values())).stop if slices else 0
