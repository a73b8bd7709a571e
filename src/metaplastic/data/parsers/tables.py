"""Recognise and read files of tables."""

from __future__ import annotations

from pathlib import Path

from metaplastic.data.parsers.table import Table
from metaplastic.data.parsers.table_options import TableOptions
from metaplastic.errors import DataError

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
COMPRESSED = (".gz", ".bz2", ".xz")
_DEFAULT = TableOptions()


def is_table(path: Path) -> bool:
    """Return whether a file has the suffix of a table."""
    return table_suffix(path) in (*TEXT, *PARQUET)


def table_suffix(path: Path) -> str:
    """Return the last suffix in lower case, not counting that of a compressed file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while len(suffixes) > 1 and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_table(path: Path, options: TableOptions = _DEFAULT) -> Table:
    """Read delimited text, compressed or not, or Parquet.

    Memory is that of the result and one block of rows. Raises DataError, in one line, naming row
    and column of a cell that is not a finite number, and MissingExtraError for Parquet without
    pyarrow.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist or is no file; give the path of a table")
    try:
        if table_suffix(path) in PARQUET:
            from metaplastic.data.parsers.parquet import read_parquet

            return read_parquet(path, options)
        from metaplastic.data.parsers.delimited import read_delimited

        delimiter = "\t" if table_suffix(path) in (".tsv", ".tab") else ","
        return read_delimited(path, options, delimiter)
    except MemoryError as error:
        raise DataError(f"{path}: does not fit in memory") from error
