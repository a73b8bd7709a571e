"""Names of columns in model files: in the description, or in an array if they are long.

A file's description is part of its header, whose size is limited; arrays are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np

from metaplastic.encoder.file_format import Arrays
from metaplastic.errors import ModelFileError
from metaplastic.files import decode_json

LONGEST = 2**18  # bytes of names in a description


def pack(names: Iterable[object] | None, array: str) -> tuple[list[str] | None, Arrays]:
    """Return the names for the description, None if it holds none, and the array `array` with those
    that are too long for it: their JSON, in bytes."""
    if names is None:
        return None, {}
    texts = [*map(str, names)]
    payload = json.dumps(texts).encode()
    if len(payload) <= LONGEST:
        return texts, {}
    return None, {array: np.frombuffer(payload, np.uint8)}


def unpack(
    described: list[str] | None, arrays: Arrays, array: str, columns: int, where: str
) -> list[str] | None:
    """Return the names of the `columns` columns, None if they have none. Raises `ModelFileError` if
    the array does not hold names, or if their number is not that of the columns."""
    names = described
    if array in arrays:
        try:
            names = decode_json(arrays[array].tobytes().decode())
        except ValueError:
            names = ()
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ModelFileError(f"{where}: {array} does not hold names")
    if names is not None and len(names) != columns:
        raise ModelFileError(f"{where}: the number of feature names is not the number of inputs")
    return names
