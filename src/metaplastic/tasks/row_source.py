"""Tasks from a data set of rows of numbers, or of texts as counts of words: some of its classes,
some of their rows, some of its columns."""

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

LEAST_SHARE = 0.6  # of the columns, that a task keeps where they are no more than its width
WIDEST = 4  # times its columns: a wider group would see little but padding
FEWEST = 8  # rows of a class, below which no task has it


@dataclass(frozen=True)
class RowSource(Source):
    """One portion of a data set, indexed by class.

    `rows` is (n, d), an array or a CSR matrix; `members[c]` are the rows of class c. Counts of
    words become log(1 + count).
    """

    address: str
    rows: Inputs
    members: tuple[NDArray[np.intp], ...]
    counts: bool = False

    def fits(self, architecture: Architecture, n_classes: int, apart: int = 0) -> bool:
        """In groups of rows of numbers, where enough classes have rows of their own to keep apart,
        and at least a quarter of the architecture's inputs are columns of the data."""
        enough = len(self._classes(apart)) >= n_classes
        wide = architecture.n_inputs <= WIDEST * shape_of(self.rows)[1]
        return enough and wide and not architecture.is_image

    def _classes(self, apart: int) -> NDArray[np.intp]:
        """The classes of enough rows. Unlike images, rows are not augmented: one that is drawn
        twice must not be in both of the labelled batches."""
        return np.flatnonzero([len(m) >= max(apart, FEWEST) for m in self.members])

    def draw(
        self,
        rng: np.random.Generator,
        n_classes: int,
        per_class: int,
        architecture: Architecture,
        augmentation: Augmentation,
        apart: int = 0,
    ) -> Drawn:
        """Classes without replacement, rows as far as there are enough; columns those of a random
        subset that vary, and of zeros up to the architecture's inputs. Nothing is known of the
        rows to regress on."""
        del augmentation
        classes = rng.choice(self._classes(apart), size=n_classes, replace=False)
        chosen = np.concatenate([choose(rng, self.members[c], per_class, apart) for c in classes])
        rows = data.to_matrix(self.rows[chosen])
        rows = np.log1p(rows) if self.counts else rows
        columns = np.flatnonzero(np.ptp(rows, axis=0) > 0)
        fewest = int(np.ceil(LEAST_SHARE * columns.size))
        count = min(int(rng.integers(fewest, columns.size + 1)), architecture.n_inputs)
        columns = rng.choice(columns, size=count, replace=False)
        inputs = in_width(standardise_rows(rows[:, columns]), architecture.n_inputs)
        return Drawn(inputs, np.zeros((len(chosen), N_TARGETS), np.float32))
