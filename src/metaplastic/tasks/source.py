"""What tasks are drawn from: data sets and generators behind one interface."""

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

    `inputs` (n, N_0) float32, standardised; `amounts` (n, N_TARGETS) float32, what the
    meta-objective may regress on beside the label, each of zero mean and unit variance, or zero
    where the source knows nothing to regress on.
    """

    inputs: NDArray[np.float32]
    amounts: NDArray[np.float32]


class Source(abc.ABC):
    """Draws the examples of one task after another. `kind` is what they are, as of a
    data set's card."""

    address: str
    kind: ClassVar[Kind] = "vector"

    def fits(self, architecture: Architecture, n_classes: int, apart: int = 0) -> bool:
        """Whether it can draw tasks of these inputs and as many classes, `apart` examples of each
        of which are kept apart."""
        del n_classes, apart
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
        """`per_class` examples of each of `n_classes` classes; the last `apart` of each class
        are of originals that the others are not of, as far as there are enough."""


def fitting(
    sources: Iterable[Source], architecture: Architecture, n_classes: int, apart: int = 0
) -> tuple[Source, ...]:
    """Those of the sources that can draw tasks for a group."""
    return tuple(s for s in sources if s.fits(architecture, n_classes, apart))
