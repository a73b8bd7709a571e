"""The registry of data sets and schemes, one line each."""

from __future__ import annotations

from metaplastic.data.address import Address
from metaplastic.data.source import Source
from metaplastic.errors import DataError
from metaplastic.registry import Registry

_PACKAGE = "metaplastic.data.sources"

SOURCES: Registry[Source] = Registry(
    "data set",
    {
        "glyphs": f"{_PACKAGE}.glyphs:SOURCE",
        "digits": f"{_PACKAGE}.digits:SOURCE",
        "mnist": f"{_PACKAGE}.mnist:SOURCE",
        "fashion_mnist": f"{_PACKAGE}.fashion_mnist:SOURCE",
        "cifar10": f"{_PACKAGE}.cifar10:SOURCE",
        "imagenet": f"{_PACKAGE}.imagenet:SOURCE",
        "omniglot": f"{_PACKAGE}.omniglot:SOURCE",
        "imdb": f"{_PACKAGE}.imdb:SOURCE",
        "two_moons": f"{_PACKAGE}.two_moons:SOURCE",
        "folder": f"{_PACKAGE}.folder:SOURCE",
        "npz": f"{_PACKAGE}.npz:SOURCE",
        "csv": f"{_PACKAGE}.csv:SOURCE",
        "table": f"{_PACKAGE}.table:SOURCE",
        "text": f"{_PACKAGE}.text:SOURCE",
        "openml": f"{_PACKAGE}.openml:SOURCE",
        "uci": f"{_PACKAGE}.uci:SOURCE",
        "hf": f"{_PACKAGE}.hf:SOURCE",
    },
    group="data",
    base="metaplastic.data.source:Source",
    named_by="name",
    instances="only",
)


def named_sources() -> list[Source]:
    """Return the data sets that are not schemes, in the order of the registry."""
    return [source for source in SOURCES.values() if not source.is_scheme]


def named_source(name: str) -> Source:
    """Return a data set by its bare name. Raises ConfigError for an unknown name."""
    known = Registry("data set", {source.name: source for source in named_sources()})
    return known.get(name)


def source_of(address: Address) -> Source:
    """Return the source that an address names. Raises ConfigError for an unknown name."""
    source = SOURCES.get(address.name)
    if source.is_scheme and not address.rest:
        raise DataError(
            f"{address.name!r} needs a colon and what to load, for example {source.example}"
        )
    if address.rest and not source.is_scheme:
        raise DataError(f"the data set {address.name!r} is given by its name alone, without ':'")
    return source
