"""Interpret a cell of a table: a number, a missing value, or text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import DataError

# The missing values of pandas (`pandas.read_csv`, na_values), and UCI's question mark.
MISSING = frozenset(
    [
        *("", "?", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NULL", "null"),
        *("NaN", "nan", "-NaN", "-nan", "NaT", "None", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
    ]
)
_BOOLEANS = {"true": 1.0, "false": 0.0}
# Stricter than float(), which also takes "1_000" and the digits of other scripts.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.ASCII | re.I)
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?.*", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?", re.ASCII)


def is_missing(cell: str) -> bool:
    """Return whether a cell is empty or holds a usual marker of a missing value."""
    return cell.strip() in MISSING


def to_number(cell: str, decimal: str = ".") -> float | None:
    """Return the number in a cell, with True and False as 1 and 0; None if it is not a number."""
    text = cell.strip()
    if decimal != ".":
        text = text.replace(".", "?").replace(decimal, ".")
    if _NUMBER.fullmatch(text):
        return float(text)
    return _BOOLEANS.get(text.lower())


def to_numbers(rows: Sequence[Sequence[str]], decimal: str = ".") -> NDArray[np.float64]:
    """Convert rows of cells to numbers (n, d), NaN for each cell that is not a number."""
    shape = len(rows), len(rows[0])
    cells: Iterable[str] = chain.from_iterable(rows)
    if decimal == ".":  # fast path for the usual case: float() reads every cell
        cells = list(cells)
        text = "".join(cells)
        if text.isascii() and "_" not in text:
            try:
                return np.array([float(cell) for cell in cells]).reshape(shape)
            except ValueError:
                pass
    numbers = (to_number(cell, decimal) for cell in cells)
    return np.array([np.nan if number is None else number for number in numbers]).reshape(shape)


def describe(cell: str, decimal: str) -> str:
    """Say what is wrong with a cell that should be a finite number, and what to do."""
    text = cell.strip()
    shown = repr(text if len(text) <= 40 else f"{text[:40]}…")
    if is_missing(text):
        problem = "is empty" if not text else f"{shown} is a missing value"
        return f"{problem}; fill it in, or remove the row"
    if to_number(text, decimal) is not None:
        return f"{shown} is not a finite number; fill it in, or remove the row"
    if decimal == "." and _DECIMAL_COMMA.fullmatch(text):
        return f"{shown} has a decimal comma; give --decimal , (in an address: decimal=,)"
    kind = "a date or time" if _DATE.fullmatch(text) else "text"
    return f"{shown} is {kind}, not a finite number; correct it"


def known_labels(
    cells: Sequence[str], *, blank_only: bool
) -> tuple[list[str | None], tuple[str, ...]]:
    """Return the labels in stripped cells, None for a missing one, and a note that counts the
    markers of missing values among them.

    blank_only: whether only a blank cell is missing, so that "NA" or "None" is a class.
    """
    if blank_only:
        return [cell or None for cell in cells], ()
    labels = [None if is_missing(cell) else cell for cell in cells]
    markers = Counter(cell for cell in cells if cell and is_missing(cell))
    if not markers:
        return labels, ()
    counts = ", ".join(
        f"{count:,} cell{'s' * (count != 1)} {marker!r}" for marker, count in markers.most_common()
    )
    return labels, (f"label: {counts} read as missing (missing=blank: only blank cells are)",)


def refuse_missing(
    labels: Sequence[str | None], where: str, first: int = 0, advice: str = ""
) -> None:
    """Raise DataError if a label is None, counting such labels and naming the first rows.

    first: the number of the first row. advice: the end of the message.
    """
    rows = [first + index for index, label in enumerate(labels) if label is None]
    if rows:
        shown = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
        raise DataError(
            f"{where}: {len(rows)} of {len(labels)} labels are missing (row {shown}, counted from "
            f"{first}); fill them in, or remove those rows: a missing label is not a class{advice}"
        )
