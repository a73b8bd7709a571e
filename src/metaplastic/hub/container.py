"""Arrays and strings in one safetensors file: written atomically, read with every byte checked.

The digest covers names, dtypes, shapes and bytes of the arrays and all of the metadata, so that a
changed byte anywhere is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save

from metaplastic import files
from metaplastic.errors import MetaplasticError

_HEADER_LIMIT = 4 * 2**20
_DTYPES = {
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "U32": np.uint32,
    "BOOL": np.bool_,
}


class Contents(NamedTuple):
    """What a file holds: arrays by name, and strings by name (without the digest)."""

    arrays: dict[str, NDArray[np.generic]]
    metadata: dict[str, str]


def digest(arrays: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]) -> str:
    """SHA-256, in hexadecimal, over everything a file holds."""
    found = hashlib.sha256()
    for key in sorted(metadata):
        found.update(json.dumps([key, metadata[key]]).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(json.dumps([name, array.dtype.str, list(arrays[name].shape)]).encode())
        found.update(array.data if array.size else b"")
    return found.hexdigest()


def write(
    path: Path,
    arrays: Mapping[str, NDArray[np.generic]],
    metadata: Mapping[str, str],
    error: type[MetaplasticError],
) -> None:
    """Write all or nothing (see `files.write`).

    Raises `error` where the folder is missing or cannot be written.
    """
    tensors = {name: np.require(array, requirements="C") for name, array in arrays.items()}
    payload = save(tensors, {**metadata, "sha256": digest(tensors, metadata)})
    files.write(path, payload, error)


def read(path: Path, limit: int, error: type[MetaplasticError]) -> Contents:
    """Read a file of at most `limit` bytes. Raises `error`, in one line, on any damage."""
    return parse(files.read_bytes(path, error, limit=limit), str(path), error)


def parse(payload: bytes, where: str, error: type[MetaplasticError]) -> Contents:
    """The contents of a file's bytes. Raises `error`, naming `where`, on any damage."""
    metadata = _metadata(payload, where, error)
    try:
        # checks that the offsets tile the file and agree with shapes and dtypes
        entries = safetensors.deserialize(payload)
    except Exception as problem:
        raise error(f"{where}: damaged or not a safetensors file ({_line(problem)})") from None
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, entry in entries:
        if entry["dtype"] not in _DTYPES:
            raise error(
                f"{where}: {shown(name)} has dtype {entry['dtype']}, which is not read here"
            )
        flat = np.frombuffer(entry["data"], _DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    claimed = metadata.pop("sha256", None)
    if claimed is None:
        raise error(f"{where}: carries no sha256, so it was not written by metaplastic")
    if claimed != digest(arrays, metadata):
        raise error(f"{where}: damaged (its sha256 does not match); fetch or write it again")
    return Contents(arrays, metadata)


def _metadata(payload: bytes, where: str, error: type[MetaplasticError]) -> dict[str, str]:
    length = int.from_bytes(payload[:8], "little") if len(payload) >= 8 else 0
    if not 2 <= length <= min(_HEADER_LIMIT, len(payload) - 8):
        raise error(f"{where}: damaged, cut short or not a safetensors file")
    try:
        header = json.loads(payload[8 : 8 + length])
        metadata = header.get("__metadata__", {})
        if not all(isinstance(text, str) for text in metadata.values()):
            raise TypeError
        return dict(metadata)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise error(f"{where}: damaged or not a safetensors file (unreadable header)") from None


def shown(text: object) -> str:
    """A value of a file for a message: in the file it may have any length."""
    whole = repr(text)
    return whole if len(whole) <= 80 else whole[:79] + "…"


def _line(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:200]
