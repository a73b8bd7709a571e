"""Every data set and every scheme: one line each."""

from __future__ import annotations

from metaplastic.data.address import Address
from metaplastic.data.source import Source
from metaplastic.errors import DataError
from metaplastic.registry import Registry

_ROOM = "metaplastic.data.sources"

SOURCES: Registry[Source] = Registry(
    "data set",
    {
        "glyphs": f"{_ROOM}.glyphs:SOURCE",
        "digits": f"{_ROOM}.digits:SOURCE",
        "mnist": f"{_ROOM}.mnist:SOURCE",
        "fashion_mnist": f"{_ROOM}.fashion_mnist:SOURCE",
        "cifar10": f"{_ROOM}.cifar10:SOURCE",
        "imagenet": f"{_ROOM}.imagenet:SOURCE",
        "omniglot": f"{_ROOM}.omniglot:SOURCE",
        "imdb": f"{_ROOM}.imdb:SOURCE",
        "two_moons": f"{_ROOM}.two_moons:SOURCE",
        "folder": f"{_ROOM}.folder:SOURCE",
        "npz": f"{_ROOM}.npz:SOURCE",
        "csv": f"{_ROOM}.csv:SOURCE",
        "table": f"{_ROOM}.table:SOURCE",
        "text": f"{_ROOM}.text:SOURCE",
        "openml": f"{_ROOM}.openml:SOURCE",
        "uci": f"{_ROOM}.uci:SOURCE",
        "hf": f"{_ROOM}.hf:SOURCE",
    },
    group="data",
    base="metaplastic.data.source:Source",
)


def named_sources() -> list[Source]:
    """The data sets that have a name of their own, in the order of the registry."""
    return [source for source in SOURCES.values() if not source.is_scheme]


def named_source(name: str) -> Source:
    """A data set by its bare name. Raises ConfigError for one that is not known."""
    known = Registry("data set", {source.name: source for source in named_sources()})
    return known.get(name)


def source_of(address: Address) -> Source:
    """The source an address names. Raises ConfigError for a name that is not known."""
    source = SOURCES.get(address.name)
    if source.is_scheme and not address.rest:
        raise DataError(
            f"{address.name!r} needs what it loads after a colon, for example {source.example}"
        )
    if address.rest and not source.is_scheme:
        raise DataError(f"the data set {address.name!r} is given by its name alone, without ':'")
    return source
