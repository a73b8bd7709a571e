"""The layout of θ: what each row and column of its matrices stands for.

Rows belong to senses, columns to readouts. They are addressed by name, so that parts can be added
to a rule or left out of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from metaplastic.rules.local.settings import LocalSettings


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


def _end(slices: dict[str, slice]) -> int:
    return next(reversed(slices.values())).stop if slices else 0
