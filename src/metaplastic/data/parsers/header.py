"""Decide whether the first row of a table is a header.

The first of these rules that applies:

1. The caller says so (`header=yes` or `no`).
2. A column that the caller names is in the first row: header.
3. A cell of text is above a column of numbers: header.
4. The numbers of the first row are 0, 1, …, n-1 in order, as pandas names columns, and no text
   beside them occurs below: header, if n is at least 3, or the first cell is empty, or every number
   below is written with a decimal point. With n below 3 and none of these, the row may be either,
   and the caller has to say.
5. There is text in the first row and no number: header.
6. Otherwise the first row is data.

Empty cells and markers of missing values ("NA") are neither text nor numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metaplastic.data.parsers.cells import is_missing, to_number
from metaplastic.errors import DataError


@dataclass(frozen=True)
class Header:
    """Whether there is a header, and the reason for the decision."""

    present: bool
    reason: str

    def __str__(self) -> str:
        return f"header: {'yes' if self.present else 'no'} ({self.reason})"


def find_header(
    rows: Sequence[Sequence[str]],
    given: str | None,
    named: set[str],
    where: str,
    decimal: str = ".",
) -> Header:
    """Decide from the first row and some of those below it, by the rules above.

    given: yes, no, auto or None. named: the columns that the caller names. Raises DataError if it
    cannot be decided.
    """
    if given in ("yes", "no"):
        return Header(given == "yes", "as asked")
    first = [cell.strip() for cell in rows[0]]
    below = [row for row in rows[1:] if len(row) == len(first)]
    kinds = [_kind(cell, decimal) for cell in first]
    for name in sorted(named):
        if name in first and _kind(name, decimal) == "text":
            return Header(True, f"its first row names {name!r}")
    for j, (cell, kind) in enumerate(zip(first, kinds, strict=True)):
        if kind == "text" and _column(below, j, decimal) == "number":
            return Header(True, f"its first row holds text over numbers: {cell[:40]!r}")
    if _counts(first, kinds, below, where, decimal):
        return Header(True, "its first row counts 0, 1, …, as pandas names columns")
    if "text" in kinds and "number" not in kinds:
        return Header(True, "its first row holds text only")
    return Header(False, "its first row holds numbers" if "number" in kinds else "no names in it")


def _counts(
    first: list[str], kinds: list[str], below: Sequence[Sequence[str]], where: str, decimal: str
) -> bool:
    columns = [j for j, kind in enumerate(kinds) if kind == "number"]
    if not columns or [first[j] for j in columns] != [str(i) for i in range(len(columns))]:
        return False
    texts = [j for j, kind in enumerate(kinds) if kind == "text"]
    if any(row[j].strip() == first[j] for j in texts for row in below):
        return False
    pointed = below and all(decimal in row[j] for j in columns for row in below)
    if len(columns) >= 3 or not first[0] or pointed:
        return True
    if texts or len(first) > len(columns):
        return False
    raise DataError(
        f"{where}: the first row, {','.join(first)}, may be data or the header that pandas writes; "
        "give --header yes or --header no (in an address: header=yes)"
    )


def _kind(cell: str, decimal: str) -> str:
    if is_missing(cell):
        return "missing"
    return "text" if to_number(cell, decimal) is None else "number"


def _column(rows: Sequence[Sequence[str]], j: int, decimal: str) -> str:
    """Return the kind of a column's cells: numbers only, text, or all missing."""
    kinds = {_kind(row[j], decimal) for row in rows} - {"missing"}
    return "number" if kinds == {"number"} else "text" if kinds else "missing"
