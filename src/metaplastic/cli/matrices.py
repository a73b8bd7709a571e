"""Common parts of the commands that read rows: options of tables, checks, and output files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from metaplastic import files
from metaplastic.cli.overwriting import names_file
from metaplastic.cli.showing import line
from metaplastic.errors import ConfigError, DataError, MissingExtraError

WRITTEN = (".npy", ".csv", ".parquet")

SplitOption = Annotated[
    str,
    typer.Option(
        help="Split to use: all, train, test, or another one of the data. auto: train if the data "
        "come in splits, else all rows."
    ),
]
HeaderOption = Annotated[
    str | None, typer.Option(help="Tables: whether the first row is a header: yes, no or auto.")
]
IndexOption = Annotated[
    str | None,
    typer.Option(
        help="Tables: the column that names the rows, or keep to use all columns as data. auto: an "
        "unnamed first column, or the index stored in a Parquet file."
    ),
]
DropOption = Annotated[
    str | None,
    typer.Option("--drop", "--ignore", help="Tables: columns to leave out, comma-separated."),
]
DelimiterOption = Annotated[
    str | None, typer.Option(help="Tables: delimiter, one character, 'tab' or 'space'.")
]
DecimalOption = Annotated[str | None, typer.Option(help="Tables: decimal separator, '.' or ','.")]
EncodingOption = Annotated[
    str | None, typer.Option(help="Tables: text encoding, for example cp1252; default: UTF-8.")
]

NeighboursOption = Annotated[
    int,
    typer.Option(
        min=0,
        help="Also read each row averaged over its K nearest rows; helps with thousands of rows "
        "and few labels, but a saved model then holds all rows.",
        metavar="K",
    ),
]
DataDirOption = Annotated[
    Path | None, typer.Option(help="Folder to search first for a data set's files.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress or notes.")]


def given_options(**options: str | None) -> dict[str, str]:
    """Return the options that are not None."""
    return {key: value for key, value in options.items() if value is not None}


def check_seed(seed: int) -> None:
    """Raise `ConfigError` for a seed that NumPy's generators do not accept."""
    if seed >= 2**32:
        raise ConfigError(f"--seed {seed}: give a number below 2^32 = {2**32}")


def print_notes(data: str, notes: Sequence[str]) -> None:
    """Print on stderr what was read, inferred and left out."""
    line(f"{data}: {'; '.join(notes)}")


def check_numbers(values: Any, source: str) -> None:
    """Raise `DataError`, with scikit-learn's message, unless all values are finite numbers."""
    from sklearn.utils import check_array

    try:
        check_array(values, accept_sparse="csr")  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise DataError(f"{source}: {' '.join(str(error).split())}") from None


def check_output(path: Path, suffixes: Sequence[str] = WRITTEN) -> None:
    """Raise `DataError` unless the file has one of the suffixes and can be written."""
    if path.suffix.lower() not in suffixes:
        raise DataError(f"{path}: give an output file that ends in {', '.join(suffixes)}")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "writing .parquet") from None
    for output in (path, names_file(path)) if path.suffix.lower() == ".npy" else (path,):
        files.check_writable(output, DataError)


def write_features(
    path: Path, features: Any, columns: Sequence[str], names: Sequence[str] | None
) -> None:
    """Write features (n, F) with the names of columns and, if known, of rows, all or nothing.

    The suffix determines the format: in .csv and .parquet the names of rows are the first column,
    called "name"; for .npy they are in a separate file.
    """
    import numpy as np

    if path.suffix.lower() == ".npy":
        if names is not None:
            text = "".join(f"{_line(name)}\n" for name in names)
            files.write(names_file(path), text.encode(), DataError)
        files.write(path, lambda file: np.save(file, features, allow_pickle=False), DataError)
        return
    rows: list[tuple[str, Any]] = [] if names is None else [("name", list(names))]
    write_columns(path, rows + list(zip(map(str, columns), features.T, strict=True)))


def write_columns(path: Path, columns: Sequence[tuple[str, Any]]) -> None:
    """Write named columns, lists of text or arrays of numbers, as .csv or .parquet, all or
    nothing."""
    import numpy as np

    names = [name for name, _ in columns]
    values = [
        [_line(text) for text in column] if isinstance(column, list) else np.asarray(column)
        for _, column in columns
    ]
    buffer = io.BytesIO()
    if path.suffix.lower() == ".csv":
        text = io.TextIOWrapper(buffer, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        formats = [_format(column) for column in values]
        for row in zip(*values, strict=True):
            writer.writerow(show(cell) for show, cell in zip(formats, row, strict=True))
    else:
        import pyarrow
        import pyarrow.parquet as parquet

        arrays = [
            pyarrow.array(v if isinstance(v, list) else np.ascontiguousarray(v)) for v in values
        ]
        parquet.write_table(pyarrow.table(arrays, names=names), buffer)
    files.write(path, buffer.getvalue(), DataError)


def _format(column: Any) -> Callable[[Any], str]:
    """Return a function that writes a cell so that the same value is read again."""
    if isinstance(column, list):
        return str
    if column.dtype.kind == "f" and column.dtype.itemsize <= 4:
        return "{:.9g}".format  # repr would give the 17 digits of a float64
    return lambda value: repr(value.item())


def _line(name: str) -> str:
    """Return a name as one line of valid UTF-8: file names may hold line breaks and any bytes."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return text.replace("\r", "\\r").replace("\n", "\\n")
