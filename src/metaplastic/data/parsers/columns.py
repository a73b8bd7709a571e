"""The role of each column of a table: feature, label, row names, or none."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from metaplastic.data.parsers.cells import is_missing, to_number
from metaplastic.data.parsers.table_options import TableOptions
from metaplastic.errors import DataError

MAX_COLUMNS = 200_000
_UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)?")  # as pandas calls a column without a name


@dataclass(frozen=True)
class Columns:
    """Positions of columns by role; `index` columns name the rows."""

    features: tuple[int, ...]
    label: int | None
    index: tuple[int, ...]
    notes: tuple[str, ...] = ()


def column_names(cells: Sequence[str], header: bool) -> list[str]:
    """Return column names from the first row's cells; unnamed ones get pandas' "Unnamed: 3"."""
    if not header:
        return [str(j) for j in range(len(cells))]
    names = [" ".join(cell.split()) for cell in cells]
    names[0] = names[0].removeprefix("#").lstrip()  # numpy.savetxt comments the header out
    return [name or f"Unnamed: {j}" for j, name in enumerate(names)]


def assign(
    names: Sequence[str],
    options: TableOptions,
    where: str,
    *,
    declared: Sequence[int] = (),
    may_be_index: Callable[[int], bool] = lambda column: False,
) -> Columns:
    """Assign a role to each column.

    declared: the columns that the file itself declares as its index. may_be_index: whether a
    column's content could be an index; leading columns without a name then are. Raises DataError
    for a missing column, or if no column of features is left.
    """
    if len(names) > MAX_COLUMNS:
        raise DataError(f"{where}: {len(names)} columns; at most {MAX_COLUMNS} are read")
    label = None if options.label is None else _find(names, options.label, where)
    dropped = [_find(names, name, where) for name in _dropped(names, options.drop)]
    notes: list[str] = []
    if options.index == "keep":
        index = []
    elif options.index_column is not None:
        index = [_find(names, options.index_column, where)]
    else:
        index = [j for j in declared if j not in dropped]
        if not declared:
            leading = takewhile(lambda j: _UNNAMED.fullmatch(names[j]), range(len(names)))
            index = [j for j in leading if may_be_index(j) and j not in (label, *dropped)]
        notes += [f"column {j + 1} left out: {_describe_index(names[j])}" for j in index]
    used = {label, *dropped, *index}
    features = tuple(j for j in range(len(names)) if j not in used)
    if not features:
        shown = f"only the column {names[0]!r}" if len(names) == 1 else "no column of features"
        raise DataError(f"{where}: {shown}; expected at least one more")
    return Columns(features, label, tuple(index), tuple(notes))


def _describe_index(name: str) -> str:
    kind = "an unnamed index" if _UNNAMED.fullmatch(name) else f"the index {name!r}"
    return f"{kind} (--index keep to use it)"


def _dropped(names: Sequence[str], drop: str | None) -> list[str]:
    if not drop:
        return []
    return [drop] if drop in names else [name.strip() for name in drop.split(",") if name.strip()]


def _find(names: Sequence[str], wanted: str, where: str) -> int:
    count = list(names).count(wanted)
    if count != 1:
        shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
        problem = f"{count} columns" if count else "no column"
        raise DataError(f"{where}: {problem} named {wanted[:60]!r}; columns: {shown[:400]}")
    return list(names).index(wanted)


def is_index(cells: Sequence[str]) -> bool:
    """Return whether an unnamed column can name the rows: it holds text, or whole numbers only."""
    numbers = [None if is_missing(cell) else to_number(cell) for cell in cells]
    text = any(
        number is None and not is_missing(cell) for number, cell in zip(numbers, cells, strict=True)
    )
    return text or all(number is None or number.is_integer() for number in numbers)


def align(
    values: Any, have: Sequence[str] | None, want: Sequence[str] | None, where: str, model: str
) -> tuple[Any, str | None]:
    """Put the columns of `values` (n, d) in the order of `want`; also return a note if it changed.

    have: the names of the columns of `values`. If either side has no names, columns are matched by
    position. Raises DataError naming missing and extra columns.
    """
    if want is None or have is None:
        without = where if have is None else model
        note = f"{without} has no column names, so the columns are matched by position"
        return values, None if want is have else note
    if list(have) == list(want):
        return values, None
    check_names(have, want, where, model)
    position = {name: j for j, name in enumerate(have)}
    note = f"columns reordered by name to match {model}"
    return values[:, [position[name] for name in want]], note


def check_names(have: Sequence[str], want: Sequence[str] | None, where: str, model: str) -> None:
    """Raise DataError naming missing and extra columns, unless `have` and `want` (if not None) have
    the same names."""
    if want is None or list(have) == list(want):
        return
    missing = [name for name in want if name not in set(have)]
    extra = [name for name in have if name not in set(want)]
    if missing or extra or len(set(have)) < len(have) or len(have) != len(want):
        leave_out = f"(leave out with --drop {shlex.quote(','.join(extra))})"
        if len(extra) > 8 or any("," in name for name in extra):
            leave_out = "(leave out with --drop)"
        parts = [
            *([f"missing: {_shown(missing)}"] if missing else []),
            *([f"too many: {_shown(extra)} {leave_out}"] if extra else []),
        ]
        raise DataError(
            f"{where}: its columns are not those of {model}; "
            f"{'; '.join(parts) or 'some occur more than once, in a different order'}"
        )


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
