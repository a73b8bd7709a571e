"""A table of numbers, with the names of its columns and rows, and its labels as text."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """The contents of a table file.

    values: (n, d) finite float64. columns: names of the d columns, None if the file has none or
    two are the same. names: of the n rows, if a column names them. labels: as text, None for a
    missing one; None as a whole if no column of labels was requested. notes: what was decided.
    decimal: the decimal separator of numeric labels.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...] | None
    names: tuple[str, ...] | None
    labels: tuple[str | None, ...] | None
    notes: tuple[str, ...] = ()
    decimal: str = "."

    def __len__(self) -> int:
        return len(self.values)


def make_table(
    values: NDArray[np.float64],
    columns: Sequence[str] | None,
    index: Sequence[Sequence[str]] | None,
    labels: Sequence[str | None] | None,
    notes: tuple[str, ...],
    decimal: str = ".",
    *,
    index_given: bool = False,
) -> Table:
    """Make a table from its parts. index: for each row, the cells of its index columns.
    index_given: whether the user chose that column, which then names rows even if it counts them.
    """
    if _counts_rows(values[:, 0]):
        name = "0" if columns is None else columns[0]
        notes += (
            f"column {name!r} counts the rows and is used as a feature (--drop "
            f"{shlex.quote(name)} to leave it out)",
        )
    if columns is not None and len(set(columns)) < len(columns):
        duplicate = Counter(columns).most_common(1)[0][0]
        notes += (f"two columns named {duplicate!r}: columns are matched by position, not by name",)
        columns = None
    names = None if index is None else ["/".join(cells) for cells in index]
    counts = [str(i) for i in range(len(values))]
    if names == counts and not index_given:  # the same as the order of the rows
        names = None
    return Table(
        values,
        None if columns is None else tuple(columns),
        None if names is None else tuple(names),
        None if labels is None else tuple(labels),
        notes,
        decimal,
    )


def joined(blocks: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Concatenate blocks of rows; each block is freed once it is copied."""
    result = np.empty((sum(map(len, blocks)), blocks[0].shape[1]))
    start = 0
    blocks.reverse()
    while blocks:
        block = blocks.pop()
        result[start : start + len(block)] = block
        start += len(block)
    return result


def _counts_rows(column: NDArray[np.float64]) -> bool:
    """Return whether a column is 0, 1, 2, … or 1, 2, 3, …, like an index or an identifier."""
    count = np.arange(len(column))
    return len(column) > 2 and bool((column - column[0] == count).all() and column[0] in (0, 1))
