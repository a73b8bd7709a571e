"""Load any data set by its address."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaplastic.data.address import Address, check_options, parse_address
from metaplastic.data.dataset import Dataset
from metaplastic.data.locate import search_roots
from metaplastic.data.registry import source_of
from metaplastic.data.source import Request, Source
from metaplastic.data.views import resize
from metaplastic.progress import Progress, silent


def check_address(address: str | Address) -> tuple[Address, Source]:
    """Parse an address and find its source, without reading any data.

    Raises `DataError` if it is no address or has an unknown option, `ConfigError` for an unknown
    name.
    """
    parsed = parse_address(address) if isinstance(address, str) else address
    source = source_of(parsed)
    check_options(parsed, source.options, source.example or source.name)
    return parsed, source


def load(
    address: str | Address,
    *,
    data_dir: Path | str | None = None,
    progress: Progress = silent,
    vocabulary: Sequence[str] | None = None,
) -> Dataset:
    """Load a data set.

    address: a name ("mnist"), a name at a resolution ("mnist@14"), or a scheme and a path
    ("folder:PATH", "npz:PATH", "csv:PATH?label=COLUMN", "text:PATH", "openml:NAME", "uci:NAME").
    data_dir: searched first, before METAPLASTIC_DATA and the cache directory; files may be in it
    or in a sub-folder with the name of the data set.
    progress: progress callback.
    vocabulary: the words to count in texts; by default the 1,000 most common of the training texts.

    Raises DataError if files are missing or damaged, ConfigError for an unknown name.
    """
    parsed, source = check_address(address)
    progress(f"reading {address if isinstance(address, str) else parsed.name}")
    dataset = source.load(
        Request(
            search_roots(data_dir),
            parsed.rest,
            parsed.size,
            parsed.options,
            progress,
            None if vocabulary is None else tuple(vocabulary),
        )
    )
    return dataset if parsed.size is None else resize(dataset, parsed.size)
