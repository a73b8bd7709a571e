"""Tasks from a data set of rows of numbers, or of texts as word counts: some of its classes, some
of their rows and some of its columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metaplastic import data
from metaplastic.data.dataset import Inputs, shape_of
from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import N_TARGETS, Augmentation
from metaplastic.tasks.dataset_source import choose
from metaplastic.tasks.source import Drawn, Source
from metaplastic.tasks.standardise import in_width, standardise_rows

LEAST_SHARE = 0.6  # smallest fraction of the columns that a task uses, if its inputs hold them
WIDEST = 4  # most inputs per column of the data: beyond, inputs would be mostly padding
FEWEST = 8  # classes with fewer rows are not used


@dataclass(frozen=True)
class RowSource(Source):
    """One portion of a data set, indexed by class.

    `rows` is (n, d), an array or a CSR matrix; `members[c]` are the rows of class c. Word counts
    become log(1 + count).
    """

    address: str
    rows: Inputs
    members: tuple[NDArray[np.intp], ...]
    counts: bool = False

    def fits(self, architecture: Architecture, n_classes: int, distinct: int = 0) -> bool:
        """Return whether the group takes rows of numbers, enough classes have that many rows, and
        the data have at least a quarter as many columns as the architecture has inputs."""
        enough_classes = len(self._classes(distinct)) >= n_classes
        enough_columns = architecture.n_inputs <= WIDEST * shape_of(self.rows)[1]
        return enough_classes and enough_columns and not architecture.is_image

    def _classes(self, distinct: int) -> NDArray[np.intp]:
        """Return the classes with enough rows. Unlike images, rows are not augmented, so the same
        row must not be in both labelled batches."""
        return np.flatnonzero([len(m) >= max(distinct, FEWEST) for m in self.members])

    def draw(
        self,
        rng: np.random.Generator,
        n_classes: int,
        per_class: int,
        architecture: Architecture,
        augmentation: Augmentation,
        apart: int = 0,
    ) -> Drawn:
        """Draw classes without replacement, and rows too if there are enough. Inputs are a random
        subset of the columns that vary, padded with zeros to the architecture's inputs. There are
        no regression targets."""
        del augmentation
        classes = rng.choice(self._classes(apart or per_class), size=n_classes, replace=False)
        chosen = np.concatenate([choose(rng, self.members[c], per_class, apart) for c in classes])
        rows = data.to_matrix(self.rows[chosen])
        rows = np.log1p(rows) if self.counts else rows
        columns = np.flatnonzero(np.ptp(rows, axis=0) > 0)
        fewest = int(np.ceil(LEAST_SHARE * columns.size))
        count = min(int(rng.integers(fewest, columns.size + 1)), architecture.n_inputs)
        columns = rng.choice(columns, size=count, replace=False)
        inputs = in_width(standardise_rows(rows[:, columns]), architecture.n_inputs)
        return Drawn(inputs, np.zeros((len(chosen), N_TARGETS), np.float32))
