"""A disk cache of parsed arrays, keyed by the hash of their source.

Each entry is one safetensors file, named by data set and key. Its metadata hold the key and a
digest of the arrays; an entry that does not match, stale or damaged, counts as absent and is
rebuilt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from scipy.sparse import csr_matrix

from metaplastic import files
from metaplastic.data.dataset import Inputs, Split, name_array
from metaplastic.data.locate import cache_dir
from metaplastic.errors import DataError

FORMAT = "2"


@dataclass(frozen=True)
class Parsed:
    """The parsed files of a data set, before it gets its card."""

    splits: Mapping[str, Split]
    class_names: tuple[str, ...]
    group_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] | None = None


def hash_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal hash of a file's bytes. Raises DataError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def make_key(parts: Iterable[object]) -> str:
    """Return a hash of everything that the parsed arrays depend on."""
    return hashlib.sha256(json.dumps([FORMAT, *map(str, parts)]).encode()).hexdigest()


def cached(name: str, key: str, build: Callable[[], Parsed]) -> Parsed:
    """Return the result of `build`, from the cache if it has an entry for this key.

    A new result is stored. Errors of `build` propagate and leave nothing behind. If the cache
    cannot be written, as on a full or read-only disk, the only cost is the time to build again.
    """
    path = cache_dir() / "parsed" / f"{name}-{key[:24]}.safetensors"
    entry = _read(path, key)
    if entry is not None:
        return entry
    parsed = build()
    with suppress(DataError, SafetensorError):
        _write(path, key, parsed)
    return parsed


def _arrays(parsed: Parsed) -> dict[str, NDArray[np.generic]]:
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, split in parsed.splits.items():
        if isinstance(split.inputs, csr_matrix):
            arrays[f"{name}/data"] = split.inputs.data
            arrays[f"{name}/indices"] = split.inputs.indices
            arrays[f"{name}/indptr"] = split.inputs.indptr
            arrays[f"{name}/shape"] = np.asarray(split.inputs.shape, np.int64)
        else:
            arrays[f"{name}/inputs"] = np.asarray(split.inputs)
        arrays[f"{name}/labels"] = split.labels
        if split.groups is not None:
            arrays[f"{name}/groups"] = split.groups
        if split.rows is not None:
            arrays[f"{name}/rows"] = split.rows
        if split.names is not None:
            # Stored as bytes: millions of names would not fit in the header.
            text = json.dumps(split.names.tolist()).encode()
            arrays[f"{name}/names"] = np.frombuffer(text, np.uint8)
    return {key: np.ascontiguousarray(array) for key, array in arrays.items()}


def _digest(arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(meta), sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _write(path: Path, key: str, parsed: Parsed) -> None:
    from safetensors.numpy import save_file

    arrays = _arrays(parsed)
    meta = {
        "key": key,
        "splits": json.dumps(list(parsed.splits)),
        "class_names": json.dumps(parsed.class_names),
        "group_names": json.dumps(parsed.group_names),
        "notes": json.dumps(parsed.notes),
        "feature_names": json.dumps(parsed.feature_names),
    }
    meta = {**meta, "digest": _digest(arrays, meta)}
    files.write(
        path, lambda file: save_file(arrays, file.name, metadata=meta), DataError, parents=True
    )


def _read(path: Path, key: str) -> Parsed | None:
    if not path.is_file():
        return None
    # A damaged file may hold anything: on any error it is rebuilt.
    with suppress(Exception):
        return _read_checked(path, key)
    return None


def _read_checked(path: Path, key: str) -> Parsed | None:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        meta = dict(file.metadata() or {})
        if meta.get("key") != key:
            return None
        digest = meta.pop("digest")
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if _digest(arrays, meta) != digest:
        return None
    splits = {name: _split(name, arrays) for name in json.loads(meta["splits"])}
    names = {
        field: tuple(json.loads(meta[field])) for field in ("class_names", "group_names", "notes")
    }
    features = json.loads(meta["feature_names"])
    return Parsed(splits, **names, feature_names=None if features is None else tuple(features))


def _split(name: str, arrays: Mapping[str, NDArray[np.generic]]) -> Split:
    inputs: Inputs
    if f"{name}/inputs" in arrays:
        inputs = arrays[f"{name}/inputs"]
    else:
        parts = tuple(arrays[f"{name}/{part}"] for part in ("data", "indices", "indptr"))
        rows, columns = arrays[f"{name}/shape"]
        inputs = csr_matrix(parts, shape=(int(rows), int(columns)))
    groups = arrays.get(f"{name}/groups")
    labels = np.asarray(arrays[f"{name}/labels"], np.int32)
    rows, names = arrays.get(f"{name}/rows"), arrays.get(f"{name}/names")
    return Split(
        inputs,
        labels,
        None if groups is None else np.asarray(groups, np.int32),
        None if names is None else name_array(json.loads(names.tobytes())),
        None if rows is None else np.asarray(rows, np.int64),
    )
