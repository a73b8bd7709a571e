"""Comma-separated values: one example a row, one column the label."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import DataError

_BLOCK = 2048
MAX_COLUMNS = 200_000


def read_csv(
    path: Path, label: str | None, delimiter: str = ",", header: bool = True
) -> tuple[NDArray[np.float32], list[str]]:
    """Features (n, d) float32 and the labels as text.

    label: a column's name, or its number counted from 0 where there is no header. Raises DataError
    naming row and column of whatever is not a finite number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(path, csv.reader(file, delimiter=delimiter, strict=True), label, header)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    except csv.Error as error:
        raise DataError(f"{path}: not a table of comma-separated values ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _read(
    path: Path, rows: Iterator[list[str]], label: str | None, header: bool
) -> tuple[NDArray[np.float32], list[str]]:
    first = next((row for row in rows if row), None)
    if first is None:
        raise DataError(f"{path}: empty; expected a table with one example a row")
    names = [name.strip() for name in first] if header else [str(i) for i in range(len(first))]
    if len(names) > MAX_COLUMNS:
        raise DataError(f"{path}: {len(names)} columns; at most {MAX_COLUMNS} are read")
    column = _label_column(path, names, label)
    labels: list[str] = []
    blocks: list[NDArray[np.float32]] = []
    block: list[list[str]] = []
    start = 2 if header else 1
    number = start - 1
    for row in _chain(first, rows, header):
        if not row:
            continue
        number += 1
        if len(row) != len(names):
            raise DataError(f"{path}, row {number}: {len(row)} columns, expected {len(names)}")
        labels.append(row.pop(column).strip())
        if not labels[-1]:
            raise DataError(f"{path}, row {number}: the label in column {names[column]!r} is empty")
        block.append(row)
        if len(block) == _BLOCK:
            blocks.append(_numbers(path, block, names, column, number))
            block = []
    if block:
        blocks.append(_numbers(path, block, names, column, number))
    if not blocks:
        raise DataError(f"{path}: a header but no rows; expected one example a row")
    return np.concatenate(blocks), labels


def _chain(first: list[str], rows: Iterator[list[str]], header: bool) -> Iterator[list[str]]:
    if not header:
        yield first
    yield from rows


def _label_column(path: Path, names: list[str], label: str | None) -> int:
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    if label is None:
        raise DataError(
            f"{path}: say which column holds the label: csv:{path}?label=COLUMN; columns: {shown}"
        )
    if names.count(label) != 1:
        problem = "two columns" if label in names else "no column"
        raise DataError(f"{path}: {problem} named {label!r}; columns: {shown}")
    if len(names) < 2:
        raise DataError(f"{path}: only the column {label!r}; expected at least one more")
    return names.index(label)


def _numbers(
    path: Path, block: list[list[str]], names: list[str], column: int, last: int
) -> NDArray[np.float32]:
    try:
        values = np.array(block, dtype=str).astype(np.float64)
    except ValueError:
        values = np.full((len(block), len(names) - 1), np.nan)
        for i, row in enumerate(block):
            for j, text in enumerate(row):
                try:
                    values[i, j] = float(text)
                except ValueError:
                    break
            else:
                continue
            break
    with np.errstate(over="ignore"):
        result = values.astype(np.float32)
    if not np.isfinite(result).all():
        i, j = np.argwhere(~np.isfinite(result))[0]
        features = names[:column] + names[column + 1 :]
        raise DataError(
            f"{path}, row {last - len(block) + 1 + int(i)}, column {features[int(j)]!r}: "
            f"{block[int(i)][int(j)][:40]!r} is not a finite number; fill it in or remove the row"
        )
    return result
