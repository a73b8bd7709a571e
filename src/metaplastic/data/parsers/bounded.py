"""Read files of which no more than a bound is expected."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from metaplastic.errors import DataError

_CHUNK = 1 << 20


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_at_most(file: Readable, count: int) -> bytearray:
    """The next `count` bytes, fewer where the file ends before.

    Read in chunks, so memory is that of the bytes there are, not of those asked for.
    """
    data = bytearray()
    while len(data) < count:
        chunk = file.read(min(_CHUNK, count - len(data)))
        if not chunk:
            break
        data += chunk
    return data


def read_file(path: Path, limit: int) -> bytes:
    """A file's bytes. Raises DataError where it cannot be read or holds more than `limit`."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(size + 1) if size <= limit else b""
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if size > limit:
        raise DataError(f"{path}: {size:,} bytes; at most {limit:,} are expected of such a file")
    if len(data) != size:
        raise DataError(f"{path}: changed while it was read; try again")
    return data
