"""Read rows for `fit` and `transform`, regardless of labels, from a file or an address."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from metaplastic.data.address import Address, check_options, parse_address
from metaplastic.data.arrays import HOLDOUT_NOTE
from metaplastic.data.bag_of_words import is_word
from metaplastic.data.dataset import Dataset, Split, joined_names
from metaplastic.data.loading import load
from metaplastic.data.locate import user_path
from metaplastic.data.parsers.archive import is_archive
from metaplastic.data.parsers.cells import describe, to_number
from metaplastic.data.parsers.columns import align
from metaplastic.data.parsers.table_options import KEYS
from metaplastic.data.parsers.tables import Table, is_table
from metaplastic.data.parsers.tree import open_tree
from metaplastic.data.registry import SOURCES, source_of
from metaplastic.data.source import Request
from metaplastic.data.sources.csv import read_tables
from metaplastic.data.sources.npz import is_sparse, read_pairs
from metaplastic.data.sources.text import is_text
from metaplastic.errors import ConfigError, DataError
from metaplastic.progress import Progress, silent

_PATH_LIKE = re.compile(r"^[.~]|[/\\]|^[A-Za-z]:[\\/]|\.[A-Za-z]{2,7}(\.gz|\.bz2|\.xz)?$")
_ALL = ("auto", "all")


@dataclass(frozen=True)
class Rows:
    """Rows that were read, with their names and notes.

    values: (n, d) numbers, dense or CSR. columns: names of the d columns. names: of the n rows.
    labels: as text, None for a missing label; None as a whole if none were requested or there are
    none. notes: what was read, decided and left out. decimal: the decimal separator of numeric
    labels.
    """

    values: Any
    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    labels: tuple[str | None, ...] | None = None
    notes: tuple[str, ...] = ()
    decimal: str = "."

    def numbers(self, where: str) -> NDArray[np.float64]:
        """Return the labels as numbers (n,), NaN for missing ones.

        Raises DataError, naming the row counted from 1, for a label that is not a finite number.
        """
        numbers = np.full(self.values.shape[0], np.nan)
        for row, text in enumerate(self.labels or ()):
            if text is not None:
                number = to_number(text, self.decimal)
                if number is None or not np.isfinite(number):
                    raise DataError(f"{where}, row {row + 1}: {describe(text, self.decimal)}")
                numbers[row] = number
        return numbers

    def aligned(self, columns: Sequence[str] | None, where: str, model: str) -> Rows:
        """Return the same rows with their columns in the order of these names.

        Raises DataError naming missing and extra columns.
        """
        values, note = align(self.values, self.columns, columns, where, model)
        notes = self.notes if note is None else (*self.notes, note)
        have = self.columns if self.columns is None or columns is None else tuple(columns)
        return replace(self, values=values, columns=have, notes=notes)


def read_rows(
    given: str,
    *,
    split: str = "auto",
    options: Mapping[str, str] | None = None,
    data_dir: Path | str | None = None,
    expected: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Rows:
    """Read rows from a data set, a file, a folder or an address.

    given: the name of a data set; an existing file (.npy, .npz, a table, an archive of images) or
        folder of images or texts; or an address.
    split: "train", "test", or another split of the data; "all" for every row; "auto" for every row
        in the user's order if the data have no splits of their own, otherwise "train".
    options: of tables (`TableOptions`), by name.
    expected: the names of the columns that a model was fitted on: the words to count in texts, the
        columns that a table must have.

    Raises DataError, ConfigError or MissingExtraError, with a one-line message.
    """
    options = dict(options or {})
    progress(f"reading {given}")
    path = existing_path(given)
    if path is not None and path.suffix.lower() == ".npy":
        _no_options(options, given)
        return _chosen({"train": Rows(_npy(path))}, split, given)
    if path is not None and path.suffix.lower() == ".npz":
        _no_options(options, given)
        return _npz(path, split, given)
    address = parse_address(given) if path is None else _address_of(path)
    source = source_of(address)
    check_options(address, source.options, source.example or source.name)
    if address.name == "csv":
        twice = options.keys() & address.options.keys()
        if twice:
            raise ConfigError(f"{given}: the option {min(twice)} is given twice")
        if address.size is not None:
            raise DataError(f"{given}: a table has no resolution, so no @{address.size}")
        request = Request((), address.rest, options={**address.options, **options})
        tables = read_tables(request, expected)
        return _chosen({key: _of_table(table) for key, table in tables.items()}, split, given)
    _no_options(options, given)
    if address.name == "npz" and address.size is None:
        return _npz(user_path(address.rest), split, given)
    return _of_data_set(given, address, split, data_dir, expected, progress)


def existing_path(given: str) -> Path | None:
    """Return the file or folder, or None for the name or the address of a data set.

    Raises DataError for what looks like a path but does not exist.
    """
    if not given or (given in SOURCES and not SOURCES[given].is_scheme):
        return None  # ./mnist is the folder, mnist the data set
    try:
        path = user_path(given)
        if path.exists():
            return path
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or error
        raise DataError(f"{given[:200]!r}: not a path that can be read ({detail})") from error
    scheme = given.partition(":")[0]
    if scheme in SOURCES or not _PATH_LIKE.search(given):
        return None
    raise DataError(f"{given}: no such file or folder, and not the address of a data set")


def _address_of(path: Path) -> Address:
    """Return the address of a table, a folder or an archive."""
    if is_table(path):
        return Address("csv", str(path))
    if path.is_dir() or (path.is_file() and is_archive(path)):
        names = open_tree(path).names
        texts = sum(is_text(name) for name in names)
        return Address("text" if texts > len(names) / 2 else "folder", str(path))
    raise DataError(
        f"{path}: cannot be read; give .npy, .npz, .csv, .tsv, .txt, .parquet (text also "
        f"compressed, .csv.gz), a folder or an archive; for a table with another suffix "
        f"give csv:{path}"
    )


def _no_options(options: Mapping[str, str], given: str) -> None:
    if options:
        raise ConfigError(
            f"--{min(options)} is for tables (as are {', '.join(KEYS)}), and {given} is not one"
        )


def _of_table(table: Table) -> Rows:
    return Rows(table.values, table.columns, table.names, table.labels, table.notes, table.decimal)


def _npy(path: Path) -> Any:
    try:
        # Memory-mapped, so that a file larger than memory can be read one minibatch at a time.
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy evaluates the header, which can fail in many ways
        line = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: cannot be read as a .npy array ({line})") from None
    return _matrix(array, str(path))


def _matrix(array: Any, where: str) -> Any:
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: values of type {str(array.dtype)[:80]}; expected numbers")
    if array.ndim < 2 or 0 in array.shape:
        raise DataError(f"{where}: shape {array.shape}; expected (rows, features), at least one")
    return array.reshape(len(array), -1) if array.ndim > 2 else array


def _npz(path: Path, split: str, given: str) -> Rows:
    if is_sparse(path):
        return _chosen({"train": Rows(_sparse(path))}, split, given)
    pairs, notes = read_pairs(path)
    parts = {key: Rows(_matrix(x, f"{path}, {key}")) for key, (x, _) in pairs.items()}
    rows = _chosen(parts, split, given)
    return replace(rows, notes=(*rows.notes, *notes))


def _sparse(path: Path) -> csr_matrix:
    import scipy.sparse

    try:
        matrix = csr_matrix(scipy.sparse.load_npz(path))
        matrix.check_format(full_check=True)
    except Exception as error:  # the arrays of a damaged file can be inconsistent in many ways
        line = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: cannot be read as a sparse matrix ({line})") from None
    return matrix


def _of_data_set(
    given: str,
    address: Address,
    split: str,
    data_dir: Path | str | None,
    vocabulary: Sequence[str] | None,
    progress: Progress,
) -> Rows:
    words = vocabulary if vocabulary is not None and all(map(is_word, vocabulary)) else None
    dataset = load(address, data_dir=data_dir, progress=progress, vocabulary=words)
    if dataset.has_own_splits:
        parts = {name: _of_split(part, dataset) for name, part in dataset.splits.items()}
        rows = _chosen(parts, split, given)
        return replace(rows, notes=(*rows.notes, *dataset.notes))
    notes = [note for note in dataset.notes if note != HOLDOUT_NOTE]
    if split in _ALL:
        rows = _chosen({"train": _of_split(dataset.all_rows(), dataset)}, split, given)
        return replace(rows, notes=(*rows.notes, *notes))
    part, total = dataset.split(split), sum(map(len, dataset.splits.values()))
    note = f"{len(part):,} of {total:,} rows: {HOLDOUT_NOTE}"
    return replace(_of_split(part, dataset), notes=(note, *notes))


def _of_split(split: Split, dataset: Dataset) -> Rows:
    inputs = split.inputs
    values = inputs if isinstance(inputs, csr_matrix) else inputs.reshape(len(inputs), -1)
    names = None if split.names is None else tuple(map(str, split.names))
    return Rows(values, dataset.feature_names, names)


def _chosen(parts: Mapping[str, Rows], split: str, given: str) -> Rows:
    """Select the rows of a split, or all. parts: the data's own splits, or a single one."""
    counts = {name: part.values.shape[0] for name, part in parts.items()}
    total = sum(counts.values())
    if len(parts) == 1 and split in _ALL:
        (rows,) = parts.values()
        note = f"{total:,} rows, {rows.values.shape[1]:,} columns"
        return replace(rows, notes=(note, *rows.notes))
    if split == "all":
        each = ", ".join(f"{count:,} of {name!r}" for name, count in counts.items())
        return _concatenated(list(parts.values()), f"{total:,} rows: {each}", given)
    name = "train" if split == "auto" else split
    if len(parts) == 1 or name not in parts:
        have = "no splits" if len(parts) == 1 else f"the splits {', '.join(parts)}"
        raise ConfigError(f"--split {split}: {given} has {have}; --split all reads every row")
    unused = [f"{count:,} of {other!r}" for other, count in counts.items() if other != name]
    note = (
        f"{counts[name]:,} rows of {name!r}; not used: {', '.join(unused)} "
        "(--split all reads every row)"
    )
    return replace(parts[name], notes=(note, *parts[name].notes))


def _concatenated(parts: list[Rows], note: str, given: str) -> Rows:
    if len({part.values.shape[1] for part in parts}) > 1:
        raise DataError(f"{given}: its splits have different numbers of columns")
    arrays = [part.values for part in parts]
    sparse = any(isinstance(array, csr_matrix) for array in arrays)
    values = csr_matrix(vstack(arrays)) if sparse else np.concatenate(arrays)
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    names = joined_names((part.names, part.values.shape[0]) for part in parts)
    labels = [part.labels for part in parts if part.labels is not None]
    return Rows(
        values,
        parts[0].columns,
        None if names is None else tuple(names),
        tuple(chain.from_iterable(labels)) if len(labels) == len(parts) else None,
        (note, *notes),
        parts[0].decimal,
    )
