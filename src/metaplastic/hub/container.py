"""Arrays and strings in one safetensors file: written atomically, read with every byte checked.

The digest covers names, dtypes, shapes and bytes of the arrays and all metadata, so that any
changed byte is detected.
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
    """The contents of a file: arrays by name, and strings by name (without the digest)."""

    arrays: dict[str, NDArray[np.generic]]
    metadata: dict[str, str]


def digest(arrays: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]) -> str:
    """Compute the hexadecimal SHA-256 digest of the contents of a file."""
    sha256 = hashlib.sha256()
    for key in sorted(metadata):
        sha256.update(json.dumps([key, metadata[key]]).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha256.update(json.dumps([name, array.dtype.str, list(arrays[name].shape)]).encode())
        sha256.update(array.data if array.size else b"")
    return sha256.hexdigest()


def write(
    path: Path,
    arrays: Mapping[str, NDArray[np.generic]],
    metadata: Mapping[str, str],
    error: type[MetaplasticError],
) -> None:
    """Write a file atomically (see `files.write`).

    Raises `error` if the folder is missing or not writable, and if `parse` would refuse the file.
    """
    tensors = {name: np.require(array, requirements="C") for name, array in arrays.items()}
    for name, array in tensors.items():
        if array.dtype not in _DTYPES.values():
            raise error(
                f"{path}: not written, because {shown(name)} has dtype {array.dtype.str}, which "
                "could not be read again"
            )
    payload = save(tensors, {**metadata, "sha256": digest(tensors, metadata)})
    if (length := int.from_bytes(payload[:8], "little")) > _HEADER_LIMIT:
        longest = max(metadata, key=lambda key: len(metadata[key]), default="")
        raise error(
            f"{path}: not written, because its description takes {length / 2**20:.1f} MiB, and at "
            f"most {_HEADER_LIMIT // 2**20} MiB can be read again; most of it is "
            f"{shown(longest)}: shorten the names in it, such as those of classes"
        )
    files.write(path, payload, error)


def read(path: Path, limit: int, error: type[MetaplasticError]) -> Contents:
    """Read a file of at most `limit` bytes. Raises `error` with one line if it is damaged."""
    return parse(files.read_bytes(path, error, limit=limit), str(path), error)


def parse(payload: bytes, where: str, error: type[MetaplasticError]) -> Contents:
    """Parse the bytes of a file. Raises `error`, prefixed with `where`, if they are damaged."""
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
                f"{where}: {shown(name)} has dtype {entry['dtype']}, which is not supported"
            )
        flat = np.frombuffer(entry["data"], _DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    claimed = metadata.pop("sha256", None)
    if claimed is None:
        raise error(f"{where}: holds no sha256, so it was not written by metaplastic")
    if claimed != digest(arrays, metadata):
        raise error(f"{where}: damaged (its sha256 does not match); download or write it again")
    return Contents(arrays, metadata)


def _metadata(payload: bytes, where: str, error: type[MetaplasticError]) -> dict[str, str]:
    length = int.from_bytes(payload[:8], "little") if len(payload) >= 8 else 0
    if _HEADER_LIMIT < length <= len(payload) - 8:
        raise error(
            f"{where}: its header has {length:,} bytes; at most {_HEADER_LIMIT:,} are read, and "
            "metaplastic writes no more"
        )
    if not 2 <= length <= min(_HEADER_LIMIT, len(payload) - 8):
        raise error(f"{where}: damaged, truncated or not a safetensors file")
    try:
        header = json.loads(payload[8 : 8 + length])
        metadata = header.get("__metadata__", {})
        if not all(isinstance(text, str) for text in metadata.values()):
            raise TypeError
        return dict(metadata)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise error(f"{where}: damaged or not a safetensors file (unreadable header)") from None


def shown(text: object) -> str:
    """Format a value of a file for a message, shortened because it may have any length."""
    full = repr(text)
    return full if len(full) <= 80 else full[:79] + "…"


def _line(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:200]
