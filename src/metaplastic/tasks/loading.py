"""Loads the sources of tasks by address, and refuses held-out data sets."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path, PurePath

import numpy as np

from metaplastic import data
from metaplastic.data.address import parse_address
from metaplastic.data.domains import reported_tables
from metaplastic.errors import ConfigError, DataError, unknown_name
from metaplastic.tasks.dataset_source import DatasetSource
from metaplastic.tasks.generators import GENERATORS
from metaplastic.tasks.row_source import RowSource
from metaplastic.tasks.source import Source

LOG = logging.getLogger(__name__)


def load_sources(
    addresses: Iterable[str],
    portion: str,
    *,
    n_classes: int,
    held_out: Iterable[str] = (),
    data_dir: Path | None = None,
) -> tuple[Source, ...]:
    """Load the `portion` ("meta-train" or "meta-validation") of each data set, once even if it is
    given several times. A generator never draws a class twice, so its portions differ only in the
    seeds of their tasks.

    Raises `ConfigError` if an address is held out by the run's config or by its name in the list of
    tables, and `DataError` if a data set is held out by its card or has too few classes for a task.
    """
    addresses = tuple(addresses)
    forbidden = {name.split("@")[0] for name in held_out}
    if not addresses:
        raise ConfigError("no data set to meta-train on: give at least one, such as --tasks glyphs")
    sources: dict[str, Source] = {}
    for address in dict.fromkeys(addresses):
        if address.split("@")[0] in forbidden:
            raise ConfigError(
                f"{address!r} is listed as held out in this run's config and may not be "
                "meta-trained on; remove it from the tasks or from `held_out`"
            )
        refuse_reported(address)
        if address in GENERATORS:
            sources[address] = GENERATORS[address]()
        elif parse_address(address).name not in data.SOURCES:
            raise unknown_name("source of tasks", address, [*data.SOURCES, *GENERATORS])
        else:
            sources[address] = _load(address, portion, n_classes, data_dir)
    return tuple(sources[address] for address in addresses)


def _load(address: str, portion: str, n_classes: int, data_dir: Path | None) -> Source:
    """Load the portion of a data set. Raises `DataError` if it has fewer than `n_classes`
    classes."""
    dataset = data.load(address, data_dir=data_dir)
    if dataset.notes and portion == "meta-train":  # the other portion is of the same files
        LOG.info("%s: %s", address, "; ".join(dataset.notes))
    split = dataset.portion(portion)
    members = tuple(np.flatnonzero(split.labels == c) for c in np.unique(split.labels))
    if len(members) < n_classes:
        raise DataError(
            f"{address!r} has {len(members)} classes in its {portion} portion; "
            f"a task needs {n_classes}"
        )
    if dataset.card.kind == "image":
        return DatasetSource(address, np.asarray(split.inputs), members)
    return RowSource(address, split.inputs, members, counts=dataset.card.kind == "text")


def refuse_reported(address: str) -> None:
    """Raise `ConfigError` if an address refers to a table with the role "report", in any scheme:
    `table:adult`, `openml:adult`, `csv:somewhere/adult.csv`."""
    path = address.partition(":")[2].partition("?")[0]
    if not path:
        return
    name = PurePath(path).name.partition(".")[0].partition("@")[0]
    if name in reported_tables():
        raise ConfigError(
            f"{address!r} is held out: {name} is one of the tables that results are reported on, "
            "and may not be meta-trained on; remove it from the tasks"
        )
