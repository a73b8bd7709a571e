"""IDX files, plain or gzipped: the format in which MNIST is published.

Two zero bytes, a type byte, the number of dimensions, the dimensions as big-endian 32-bit
integers, then the numbers. Only unsigned bytes (type 8) occur here.
Source: the format's description on the MNIST page.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from metaplastic.errors import DataError

_UNSIGNED_BYTE = 8
_CHUNK = 1 << 20


def read_idx(path: Path, dimensions: int, limit: int) -> NDArray[np.uint8]:
    """Read the array of an IDX file, gzipped or not, with the given number of dimensions.

    limit: the maximum number of data bytes in such a file. The header is read first, then as many
    bytes as it declares and one more, so that a file which unpacks to far more costs no memory.
    Raises DataError naming the file if it is truncated, corrupt, of another type or shape, or too
    large.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            return _read(cast(IO[bytes], file), dimensions, str(path), limit)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the gzip file is truncated or corrupt ({error}); delete it and fetch it again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _read(file: IO[bytes], dimensions: int, where: str, limit: int) -> NDArray[np.uint8]:
    start = 4 + 4 * dimensions
    header = bytes(_read_at_most(file, start))
    if len(header) < 4:
        raise DataError(f"{where}: truncated: {len(header)} bytes, an IDX file starts with 4")
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if header[:4] != expected:
        raise DataError(
            f"{where}: wrong magic number {header[:4].hex()}, expected {expected.hex()} "
            f"(IDX, unsigned bytes, {dimensions} dimension{'s' * (dimensions > 1)})"
        )
    if len(header) < start:
        raise DataError(f"{where}: truncated within its header: {len(header)} of {start} bytes")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4", dimensions, 4))
    count = math.prod(shape)
    if count == 0:
        raise DataError(f"{where}: holds nothing: its header declares data of shape {shape}")
    if count > limit:
        raise DataError(
            f"{where}: its header declares {count:,} bytes of data for shape {shape}; "
            f"at most {limit:,} are expected"
        )
    body = _read_at_most(file, count + 1)
    if len(body) != count:
        problem, held = ("truncated", f"{len(body)}") if len(body) < count else ("too long", "more")
        raise DataError(
            f"{where}: {problem}: its header declares {count} bytes of data for shape {shape}, "
            f"it holds {held}"
        )
    return np.frombuffer(body, np.uint8).reshape(shape)


def _read_at_most(file: IO[bytes], count: int) -> bytearray:
    """Read the next `count` bytes, or fewer if the file ends before.

    They are read in chunks, so memory is that of the existing bytes, not of the requested ones.
    """
    data = bytearray()
    while len(data) < count:
        chunk = file.read(min(_CHUNK, count - len(data)))
        if not chunk:
            break
        data += chunk
    return data
