"""What tasks are drawn from: data sets and generators behind one interface, and the guard that
keeps held-out data sets out."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic import data
from metaplastic.data.address import parse_address
from metaplastic.errors import ConfigError, unknown_name
from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import Augmentation


class Drawn(NamedTuple):
    """The examples of a task, class after class.

    `inputs` (n, N_0) float32, standardised; `amounts` (n, N_TARGETS) float32, what the
    meta-objective may regress on beside the label, each of zero mean and unit variance.
    """

    inputs: NDArray[np.float32]
    amounts: NDArray[np.float32]


class Source(abc.ABC):
    """Draws the examples of one task after another."""

    address: str

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
    """The `portion` ("meta-train" or "meta-validation") of each data set; a generator never draws
    a class twice, so that its portions differ by the seeds of their tasks.

    Raises `ConfigError` where an address is held out by the run's config or by its own card, and
    `DataError` where a data set has too few classes for a task or is not made of images.
    """
    from metaplastic.tasks.dataset_source import load_dataset_source
    from metaplastic.tasks.generators import GENERATORS

    addresses = tuple(addresses)
    forbidden = {name.split("@")[0] for name in held_out}
    if not addresses:
        raise ConfigError("no data set to meta-train on: name at least one, as in --tasks glyphs")
    sources: list[Source] = []
    for address in addresses:
        if address.split("@")[0] in forbidden:
            raise ConfigError(
                f"{address!r} is listed as held out in this run's config and may not be "
                "meta-trained on; take it out of the tasks or out of `held_out`"
            )
        if address in GENERATORS:
            sources.append(GENERATORS[address]())
        elif parse_address(address).name not in data.SOURCES:
            raise unknown_name("source of tasks", address, [*data.SOURCES, *GENERATORS])
        else:
            sources.append(load_dataset_source(address, portion, n_classes, data_dir))
    return tuple(sources)
