"""What a cell of a table holds: a number, nothing, or text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import DataError

# What pandas reads as missing (`pandas.read_csv`, na_values), and UCI's question mark.
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
    """Whether a cell holds nothing: it is empty, or a customary word for a missing value."""
    return cell.strip() in MISSING


def to_number(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell, True and False as 1 and 0; None where there is none."""
    text = cell.strip()
    if decimal != ".":
        text = text.replace(".", "?").replace(decimal, ".")
    if _NUMBER.fullmatch(text):
        return float(text)
    return _BOOLEANS.get(text.lower())


def to_numbers(rows: Sequence[Sequence[str]], decimal: str = ".") -> NDArray[np.float64]:
    """Rows of cells as numbers (n, d), NaN for each cell that holds none."""
    shape = len(rows), len(rows[0])
    cells: Iterable[str] = chain.from_iterable(rows)
    if decimal == ".":  # the usual case, quickly: every cell as float() reads it
        cells = list(cells)
        text = "".join(cells)
        if text.isascii() and "_" not in text:
            try:
                return np.array([float(cell) for cell in cells]).reshape(shape)
            except ValueError:
                pass
    found = (to_number(cell, decimal) for cell in cells)
    return np.array([np.nan if number is None else number for number in found]).reshape(shape)


def describe(cell: str, decimal: str) -> str:
    """What is wrong with a cell that should be a finite number, and what to do."""
    text = cell.strip()
    shown = repr(text if len(text) <= 40 else f"{text[:40]}…")
    if is_missing(text):
        what = "is empty" if not text else f"{shown} is a missing value"
        return f"{what}; fill it in, or remove the row"
    if to_number(text, decimal) is not None:
        return f"{shown} is not a finite number; fill it in, or remove the row"
    if decimal == "." and _DECIMAL_COMMA.fullmatch(text):
        return f"{shown} has a decimal comma; give --decimal , (in an address: decimal=,)"
    kind = "a date or time" if _DATE.fullmatch(text) else "text"
    return f"{shown} is {kind}, not a finite number; correct it"


def refuse_missing(labels: Sequence[str | None], where: str, first: int = 0) -> None:
    """Raise DataError where a label is None, counting them and naming the first rows.

    first: the number of the first row.
    """
    rows = [first + index for index, label in enumerate(labels) if label is None]
    if rows:
        shown = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
        raise DataError(
            f"{where}: {len(rows)} of {len(labels)} labels are missing (row {shown}, counted from "
            f"{first}); fill them in, or remove those rows: a missing label is not a class"
        )
