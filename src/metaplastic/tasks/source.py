"""Sources of tasks: the common interface of data sets and generators."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.dataset import Kind
from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import Augmentation


class Drawn(NamedTuple):
    """The examples of a task, class after class.

    `inputs` (n, N_0) are float32 and standardised. `amounts` (n, N_TARGETS), float32, are
    additional regression targets for the meta-objective, each of zero mean and unit variance, or
    zero if the source has none.
    """

    inputs: NDArray[np.float32]
    amounts: NDArray[np.float32]


class Source(abc.ABC):
    """Draws the examples of tasks. `kind` is their kind of data, as on the card of a data set."""

    address: str
    kind: ClassVar[Kind] = "vector"

    def fits(self, architecture: Architecture, n_classes: int, distinct: int = 0) -> bool:
        """Return whether it can draw tasks for this architecture with `n_classes` classes.

        The labelled batches are drawn from `distinct` examples of each class, which must not repeat
        one another: a batch must not contain what the other was fitted on.
        """
        del n_classes, distinct
        return not architecture.is_map

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
        """Draw `per_class` examples of each of `n_classes` classes; if there are enough, the last
        `apart` of each class come from different originals than the others."""


def fitting(
    sources: Iterable[Source], architecture: Architecture, n_classes: int, distinct: int = 0
) -> tuple[Source, ...]:
    """Return the sources that can draw tasks for a group; see `Source.fits`."""
    return tuple(s for s in sources if s.fits(architecture, n_classes, distinct))
