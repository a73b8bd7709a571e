"""Parquet files, read with pyarrow (the extra "parquet") one batch of rows at a time."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.parsers.cells import known_labels
from metaplastic.data.parsers.columns import assign, check_names
from metaplastic.data.parsers.table import Table, joined, make_table
from metaplastic.data.parsers.table_options import TableOptions
from metaplastic.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow

_BATCH = 1 << 20  # cells


def read_parquet(path: Path, options: TableOptions) -> Table:
    """Read a Parquet file. The index that pandas declared in it names the rows.

    Raises the same errors as `read_table`.
    """
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "reading .parquet") from None
    options.refuse_for_binary(str(path))
    try:
        with parquet.ParquetFile(path) as file:
            return _read(path, file, options)
    except (pyarrow.ArrowException, OSError, ValueError, NotImplementedError) as error:
        line = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: cannot be read as Parquet ({line})") from error


def _read(path: Path, file: Any, options: TableOptions) -> Table:
    import pyarrow

    schema = file.schema_arrow
    names = [str(name) for name in schema.names]
    if not names:
        raise DataError(f"{path}: empty; expected a table with one example per row")
    columns = assign(
        names,
        options,
        str(path),
        declared=_declared_index(schema),
        may_be_index=lambda j: not pyarrow.types.is_floating(schema.field(j).type),
    )
    features = [names[j] for j in columns.features]
    check_names(features, options.expected, str(path), "the model")
    for j in columns.features:
        kind = _not_numbers(schema.field(j).type)
        if kind is not None:
            raise DataError(
                f"{path}: column {names[j]!r} holds {kind}, not numbers; encode it as numbers, or "
                f"leave it out with --drop {shlex.quote(names[j])}"
            )
    blocks: list[NDArray[np.float64]] = []
    labels: list[str] = []
    index: list[list[str]] = []
    count = 0
    for batch in file.iter_batches(max(1, _BATCH // len(names))):
        block = np.empty((batch.num_rows, len(columns.features)))
        for k, j in enumerate(columns.features):
            block[:, k] = _numbers(batch.column(j), f"{path}, column {names[j]!r}", count)
        blocks.append(block)
        if columns.label is not None:
            labels += [_label(value) for value in batch.column(columns.label).to_pylist()]
        if columns.index:
            parts = [map(str, batch.column(j).to_pylist()) for j in columns.index]
            index += [list(row) for row in zip(*parts, strict=True)]
        count += batch.num_rows
    if not count:
        raise DataError(f"{path}: no rows; expected one example per row")
    known, notes = known_labels(labels, blank_only=options.missing == "blank")
    return make_table(
        joined(blocks),
        features,
        index if columns.index else None,
        None if columns.label is None else known,
        (*columns.notes, *notes),
        index_given=options.index_column is not None,
    )


def _declared_index(schema: Any) -> list[int]:
    """Return the index columns in pandas' metadata; a range is not stored as a column."""
    try:
        declared = json.loads((schema.metadata or {})[b"pandas"])["index_columns"]
    except (KeyError, ValueError, TypeError, RecursionError):
        return []
    if not isinstance(declared, list):
        return []
    return [schema.names.index(name) for name in declared if name in schema.names]


def _not_numbers(kind: pyarrow.DataType) -> str | None:
    """Name the contents of a column that is not numeric; None for numbers and booleans."""
    from pyarrow import types

    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return None
    if types.is_decimal(kind):
        return None
    kinds = {
        "dates or times": types.is_temporal(kind),
        "categories": types.is_dictionary(kind),
        "nested values": types.is_nested(kind),
        "no values at all": types.is_null(kind),
    }
    contents = next((name for name, holds in kinds.items() if holds), "text or objects")
    return f"{contents} ({str(kind)[:60]})"


def _numbers(column: Any, where: str, before: int) -> NDArray[np.float64]:
    import pyarrow

    if column.null_count:
        row = before + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{where}, row {row + 1}: is empty; fill it in, or remove the row")
    if pyarrow.types.is_boolean(column.type):
        column = column.cast(pyarrow.uint8())
    values = column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"{where}, row {before + int(bad[0]) + 1}: {values[bad[0]]} is not a finite number; "
            "fill it in, or remove the row"
        )
    return values


def _label(value: Any) -> str:
    """Return a label as text, blank for null and for NaN, which differs from itself."""
    return "" if value is None or value != value else str(value).strip()
