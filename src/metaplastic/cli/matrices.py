"""Matrices for `fit` and `transform`: read from plain files or data sets, features written."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

from metaplastic.errors import DataError, MissingExtraError

READ = (".npy", ".npz", ".csv", ".parquet")
WRITTEN = (".npy", ".csv", ".parquet")


def read_matrix(given: str, split: str, data_dir: Path | None) -> Any:
    """Rows as an array (n, d) or a CSR matrix.

    given: a file (.npy, .csv with numbers only, .parquet, .npz as scipy.sparse.save_npz writes
    it), or the address of a data set, of which `split` is taken. Raises `DataError`.
    """
    path = Path(given)
    if path.suffix.lower() not in READ or ":" in given:
        return _from_data_set(given, split, data_dir)
    if not path.is_file():
        raise DataError(f"{given}: no such file")
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".parquet": _parquet}
    try:
        return readers[path.suffix.lower()](path)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, csv.Error) as problem:
        line = " ".join(str(problem).split())[:200]
        raise DataError(f"{given}: cannot be read as a matrix of numbers ({line})") from None


def _from_data_set(address: str, split: str, data_dir: Path | None) -> Any:
    from scipy.sparse import issparse

    from metaplastic import data

    inputs = data.load(address, data_dir=data_dir).split(split).inputs
    return inputs if issparse(inputs) else inputs.reshape(len(inputs), -1)  # pyright: ignore


def _npy(path: Path) -> Any:
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array.reshape(len(array), -1) if array.ndim > 2 else array


def _npz(path: Path) -> Any:
    import scipy.sparse

    return scipy.sparse.csr_matrix(scipy.sparse.load_npz(path))


def _csv(path: Path) -> Any:
    import numpy as np

    with path.open(encoding="utf-8", newline="") as file:
        first = next(csv.reader([file.readline()]), [])
    has_names = any(not _is_number(field) for field in first)
    return np.loadtxt(path, delimiter=",", skiprows=int(has_names), ndmin=2, encoding="utf-8")


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _parquet(path: Path) -> Any:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "reading .parquet") from None
    import numpy as np

    table = parquet.read_table(path)
    return np.column_stack([column.to_numpy() for column in table.columns])


def check_output(path: Path) -> None:
    """Raises `DataError` unless features can be written to a file of this kind, here."""
    if path.suffix.lower() not in WRITTEN:
        raise DataError(f"{path}: features are written as {', '.join(WRITTEN)}")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "writing .parquet") from None
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}")


def write_features(path: Path, features: Any, names: Any) -> None:
    """Features (n, F) with their names, all or nothing, in the format the suffix says."""
    import numpy as np

    from metaplastic import files

    buffer = io.BytesIO()
    suffix = path.suffix.lower()
    if suffix == ".npy":
        np.save(buffer, features, allow_pickle=False)
    elif suffix == ".csv":
        header = ",".join(map(str, names))
        np.savetxt(buffer, features, "%.9g", delimiter=",", header=header, comments="")
    else:
        import pyarrow
        import pyarrow.parquet as parquet

        columns = [np.ascontiguousarray(column) for column in features.T]
        parquet.write_table(pyarrow.table(columns, names=[str(name) for name in names]), buffer)
    files.write(path, buffer.getvalue(), DataError)
