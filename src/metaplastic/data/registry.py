"""Every data set and every scheme: one line each."""

from __future__ import annotations

from metaplastic.data.address import Address
from metaplastic.data.source import Source
from metaplastic.data.sources import (
    cifar10,
    csv,
    digits,
    fashion_mnist,
    folder,
    glyphs,
    hf,
    imagenet,
    imdb,
    mnist,
    npz,
    omniglot,
    openml,
    table,
    text,
    two_moons,
)
from metaplastic.errors import DataError, unknown_name

_ALL = (
    glyphs.SOURCE,
    digits.SOURCE,
    mnist.SOURCE,
    fashion_mnist.SOURCE,
    cifar10.SOURCE,
    imagenet.SOURCE,
    omniglot.SOURCE,
    imdb.SOURCE,
    two_moons.SOURCE,
    folder.SOURCE,
    npz.SOURCE,
    csv.SOURCE,
    table.SOURCE,
    text.SOURCE,
    openml.SOURCE,
    hf.SOURCE,
)

SOURCES: dict[str, Source] = {source.name: source for source in _ALL}


def named_sources() -> list[Source]:
    """The data sets that have a name of their own, in the order of the registry."""
    return [source for source in _ALL if not source.is_scheme]


def named_source(name: str) -> Source:
    """A data set by its bare name. Raises ConfigError for one that is not known."""
    known = {source.name: source for source in named_sources()}
    if name not in known:
        raise unknown_name("data set", name, known)
    return known[name]


def source_of(address: Address) -> Source:
    """The source an address names. Raises ConfigError for a name that is not known."""
    source = SOURCES.get(address.name)
    if source is None:
        raise unknown_name("data set", address.name, SOURCES)
    if source.is_scheme and not address.rest:
        raise DataError(
            f"{address.name!r} needs what it loads after a colon, for example {source.example}"
        )
    if address.rest and not source.is_scheme:
        raise DataError(f"the data set {address.name!r} is given by its name alone, without ':'")
    return source
