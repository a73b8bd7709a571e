"""A source of data: a card, the published files, and a function that loads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metaplastic.data.dataset import Card, Dataset
from metaplastic.progress import Progress, silent


@dataclass(frozen=True)
class Request:
    """One call of `load`: where to search and what to load.

    roots: directories to search, in order. rest: the part of the address after "scheme:".
    size: the resolution after "@", or None. options: the options after "?". vocabulary: the words
    to count in texts, or None for the most common.
    """

    roots: tuple[Path, ...]
    rest: str = ""
    size: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = silent
    vocabulary: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Remote:
    """A published file: its name, addresses (tried in turn), checksum "sha256:…" or "md5:…".

    size: in bytes, if known.
    """

    name: str
    urls: tuple[str, ...]
    checksum: str
    size: int | None = None


@dataclass(frozen=True)
class Source:
    """One entry of the registry.

    folders: sub-folders of a data directory that may hold its files. files: what `fetch`
    downloads; empty for a data set that needs no download. options: the keys that an address may
    set after "?". example: an address, for help and errors.
    """

    card: Card
    load: Callable[[Request], Dataset]
    files: tuple[Remote, ...] = ()
    folders: tuple[str, ...] = ()
    is_scheme: bool = False
    options: tuple[str, ...] = ()
    example: str = ""
    find: Callable[[Request], list[Path]] | None = None

    @property
    def name(self) -> str:
        return self.card.name
