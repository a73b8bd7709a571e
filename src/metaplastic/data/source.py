"""What a source of data is: a card, the files it is published as, and a function that loads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metaplastic.data.dataset import Card, Dataset
from metaplastic.progress import Progress, silent


@dataclass(frozen=True)
class Request:
    """One call of `load`: where to look and what was asked for.

    roots: directories to search, first to last. rest: what follows "scheme:" in the address.
    size: the resolution after "@", or None. options: what follows "?". vocabulary: the words to
    count in texts, or None for the commonest.
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

    size is in bytes where it is known.
    """

    name: str
    urls: tuple[str, ...]
    checksum: str
    size: int | None = None


@dataclass(frozen=True)
class Source:
    """One entry of the registry.

    folders: sub-folders of a data directory in which its files may lie. files: what `fetch`
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
