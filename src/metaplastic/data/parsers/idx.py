"""IDX files, plain or gzipped: the format MNIST is published in.

Two zero bytes, a type byte, the number of dimensions, the dimensions as big-endian 32-bit
integers, then the numbers. Only unsigned bytes (type 8) occur here.
Source: the format's description on the MNIST page.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import DataError

MAX_BYTES = 1 << 31
_UNSIGNED_BYTE = 8


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an IDX file with the given number of dimensions.

    Raises DataError naming the file where it is truncated, corrupt, of another type or shape.
    """
    data = read_maybe_gzip(path)
    return parse_idx(data, dimensions, str(path))


def read_maybe_gzip(path: Path, limit: int = MAX_BYTES) -> bytes:
    """A file's bytes, unpacked where it starts as gzip does; at most `limit` of them."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        if not packed:
            if path.stat().st_size > limit:
                raise DataError(f"{path}: larger than {limit} bytes, more than any file expected")
            return path.read_bytes()
        with gzip.open(path) as file:
            data = file.read(limit + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the gzip file is truncated or corrupt ({error}); delete it and fetch it again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(data) > limit:
        raise DataError(f"{path}: unpacks to more than {limit} bytes, more than any file expected")
    return data


def parse_idx(data: bytes, dimensions: int, where: str) -> NDArray[np.uint8]:
    """As `read_idx`, from bytes already read; `where` names them in errors."""
    if len(data) < 4:
        raise DataError(f"{where}: truncated: {len(data)} bytes, an IDX file starts with 4")
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if data[:4] != expected:
        raise DataError(
            f"{where}: wrong magic number {data[:4].hex()}, expected {expected.hex()} "
            f"(IDX, unsigned bytes, {dimensions} dimension{'s' * (dimensions > 1)})"
        )
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise DataError(f"{where}: truncated within its header: {len(data)} of {start} bytes")
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", dimensions, 4))
    count = 1
    for side in shape:
        count *= side
    if len(data) - start != count:
        problem = "truncated" if len(data) - start < count else "too long"
        raise DataError(
            f"{where}: {problem}: its header promises {count} bytes of data for shape {shape}, "
            f"it holds {len(data) - start}"
        )
    return np.frombuffer(data, np.uint8, count, start).reshape(shape)
