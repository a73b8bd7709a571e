"""What tasks are drawn from: data sets and generators behind one interface, and the guard that
keeps held-out data sets out."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic import data
from metaplastic.data.address import parse_address
from metaplastic.data.domains import reported_tables
from metaplastic.errors import ConfigError, unknown_name
from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import Augmentation


class Drawn(NamedTuple):
    """The examples of a task, class after class.

    `inputs` (n, N_0) float32, standardised; `amounts` (n, N_TARGETS) float32, what the
    meta-objective may regress on beside the label, each of zero mean and unit variance, or zero
    where the source knows nothing to regress on.
    """

    inputs: NDArray[np.float32]
    amounts: NDArray[np.float32]


class Source(abc.ABC):
    """Draws the examples of one task after another."""

    address: str

    def fits(self, architecture: Architecture, n_classes: int, apart: int = 0) -> bool:
        """Whether it can draw tasks of these inputs and as many classes, `apart` examples of each
        of which are kept apart."""
        del architecture, n_classes, apart
        return True

    @abc.abstractmethod
    def draw(
        self,
        rng: np.random.Generator,
        n_classes: int,
        per_class: int,
        architecture: Architecture,
        augmentation: Augmentation,
        apart: int = 0,
    ) -> Drawn:
        """`per_class` examples of each of `n_classes` classes; the last `apart` of each class
        are of originals that the others are not of, as far as there are enough."""


def load_sources(
    addresses: Iterable[str],
    portion: str,
    *,
    n_classes: int,
    held_out: Iterable[str] = (),
    data_dir: Path | None = None,
) -> tuple[Source, ...]:
    """The `portion` ("meta-train" or "meta-validation") of each data set, loaded once however often
    it is named; a generator never draws a class twice, so that its portions differ by the seeds of
    their tasks.

    Raises `ConfigError` where an address is held out by the run's config, or by its name in the
    list of tables, and `DataError` where a data set is held out by its own card or has too few
    classes for a task.
    """
    from metaplastic.tasks.dataset_source import load_dataset_source
    from metaplastic.tasks.generators import GENERATORS

    addresses = tuple(addresses)
    forbidden = {name.split("@")[0] for name in held_out}
    if not addresses:
        raise ConfigError("no data set to meta-train on: name at least one, as in --tasks glyphs")
    sources: dict[str, Source] = {}
    for address in dict.fromkeys(addresses):
        if address.split("@")[0] in forbidden:
            raise ConfigError(
                f"{address!r} is listed as held out in this run's config and may not be "
                "meta-trained on; take it out of the tasks or out of `held_out`"
            )
        refuse_reported(address)
        if address in GENERATORS:
            sources[address] = GENERATORS[address]()
        elif parse_address(address).name not in data.SOURCES:
            raise unknown_name("source of tasks", address, [*data.SOURCES, *GENERATORS])
        else:
            sources[address] = load_dataset_source(address, portion, n_classes, data_dir)
    return tuple(sources[address] for address in addresses)


def fitting(
    sources: Iterable[Source], architecture: Architecture, n_classes: int, apart: int = 0
) -> tuple[Source, ...]:
    """Those of the sources that can draw tasks for a group."""
    return tuple(s for s in sources if s.fits(architecture, n_classes, apart))


def refuse_reported(address: str) -> None:
    """Raise `ConfigError` where an address names a table whose role is "report", under whatever
    scheme: `table:adult`, `openml:adult`, `csv:somewhere/adult.csv`."""
    rest = address.partition(":")[2].partition("?")[0]
    if not rest:
        return
    name = PurePath(rest).name.partition(".")[0].partition("@")[0]
    if name in reported_tables():
        raise ConfigError(
            f"{address!r} is held out: {name} is one of the tables that results are reported on, "
            "and may not be meta-trained on; take it out of the tasks"
        )
