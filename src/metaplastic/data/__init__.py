"""Data sets, published or the user's own, as arrays with a card."""

from metaplastic.data.arrays import from_arrays
from metaplastic.data.dataset import Card, Dataset, Portion, Split
from metaplastic.data.loading import check_address, load
from metaplastic.data.registry import SOURCES, named_sources
from metaplastic.data.views import (
    Scale,
    colour,
    fit_scale,
    grey,
    resize,
    sample_labelled,
    standardise,
    to_matrix,
    with_classes,
)

__all__ = [
    "SOURCES",
    "Card",
    "Dataset",
    "Portion",
    "Scale",
    "Split",
    "check_address",
    "colour",
    "fit_scale",
    "from_arrays",
    "grey",
    "load",
    "named_sources",
    "resize",
    "sample_labelled",
    "standardise",
    "to_matrix",
    "with_classes",
]
