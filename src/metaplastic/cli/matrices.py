"""What `fit` and `transform` share: notes on the rows read, features written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from metaplastic import files
from metaplastic.cli.showing import line
from metaplastic.errors import ConfigError, DataError, MissingExtraError

WRITTEN = (".npy", ".csv", ".parquet")

SplitOption = Annotated[
    str,
    typer.Option(
        help="all, train, test, or another split that the data have. auto: every row where the "
        "data have no splits of their own, else train."
    ),
]
HeaderOption = Annotated[
    str | None, typer.Option(help="Of a table: whether its first row is a header: yes, no, auto.")
]
IndexOption = Annotated[
    str | None,
    typer.Option(
        help="Of a table: the column that names the rows, or keep, to use every column. auto: an "
        "unnamed first column, and the index that Parquet declares."
    ),
]
DropOption = Annotated[
    str | None, typer.Option(help="Of a table: columns to leave out, comma-separated.")
]
DelimiterOption = Annotated[
    str | None, typer.Option(help="Of a table: one character, 'tab' or 'space'.")
]
DecimalOption = Annotated[str | None, typer.Option(help="Of a table: '.' or ','.")]
EncodingOption = Annotated[
    str | None, typer.Option(help="Of a table: UTF-8 unless given, for example cp1252.")
]


def given_options(**options: str | None) -> dict[str, str]:
    """The options that were given."""
    return {key: value for key, value in options.items() if value is not None}


def check_seed(seed: int) -> None:
    """Raises `ConfigError` for a seed that NumPy's generators do not take."""
    if seed >= 2**32:
        raise ConfigError(f"--seed {seed}: give a number below 2^32 = {2**32}")


def print_notes(data: str, notes: Sequence[str]) -> None:
    """Say on stderr what was read, decided and left out."""
    line(f"{data}: {'; '.join(notes)}")


def check_numbers(values: Any, where: str) -> None:
    """Raises `DataError`, in scikit-learn's words, unless all values are finite numbers."""
    from sklearn.utils import check_array

    try:
        check_array(values, accept_sparse="csr")  # pyright: ignore[reportArgumentType]
    except ValueError as problem:
        raise DataError(f"{where}: {' '.join(str(problem).split())}") from None


def check_output(path: Path, suffixes: Sequence[str] = WRITTEN) -> None:
    """Raises `DataError` unless a file of one of these kinds can be written here."""
    if path.suffix.lower() not in suffixes:
        raise DataError(f"{path}: what is written is one of {', '.join(suffixes)}")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "writing .parquet") from None
    for written in (path, names_file(path)) if path.suffix.lower() == ".npy" else (path,):
        files.check_writable(written, DataError)


def check_not_input(path: Path, data: str) -> None:
    """Raises `DataError` where what is written would replace the file that is read."""
    given = Path(data.removeprefix("csv:").partition("?")[0]).expanduser()
    for file in (Path(data).expanduser(), given):
        try:
            if path.exists() and path.samefile(file):
                raise DataError(f"{path}: is the file of the data; give another one to write to")
        except (OSError, ValueError):
            continue  # the data are no file


def names_file(path: Path) -> Path:
    """Where the names of the rows of a .npy file are written, one a line."""
    return path.with_suffix(".names.txt")


def write_features(
    path: Path, features: Any, columns: Sequence[str], names: Sequence[str] | None
) -> None:
    """Features (n, F) with the names of columns and, where known, of rows, all or nothing.

    The suffix says the format: in .csv and .parquet the names of rows are the first column, called
    "name"; beside .npy they are a file of their own.
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
    """Columns with their names, lists of text or arrays of numbers, all or nothing, as .csv or
    .parquet."""
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
        for row in zip(*values, strict=True):
            writer.writerow(cell if isinstance(cell, str) else f"{cell:.9g}" for cell in row)
    else:
        import pyarrow
        import pyarrow.parquet as parquet

        arrays = [
            pyarrow.array(v if isinstance(v, list) else np.ascontiguousarray(v)) for v in values
        ]
        parquet.write_table(pyarrow.table(arrays, names=names), buffer)
    files.write(path, buffer.getvalue(), DataError)


def _line(name: str) -> str:
    """A name as one line of valid UTF-8: a file's name may hold line breaks and any bytes."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return text.replace("\r", "\\r").replace("\n", "\\n")
