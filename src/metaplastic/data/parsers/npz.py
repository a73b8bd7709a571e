"""NumPy's .npy and .npz files with plain numbers and text only; pickled objects are refused."""

from __future__ import annotations

import math
from collections.abc import Collection
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.parsers.archive import LIMITS, Limits, read_members
from metaplastic.errors import DataError

_PICKLE = b"\x80"


def parse_npy(data: bytes, where: str) -> NDArray[np.generic]:
    """Parse the array in a .npy file's bytes, without more memory than the bytes themselves."""
    if data[:1] == _PICKLE:
        raise DataError(f"{where}: a pickle, which is never read; save arrays with numpy.savez")
    file = BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read(file)
        dtype = np.dtype(dtype)
        plain = dtype.kind in "biufUS" and all(isinstance(n, int) and n >= 0 for n in shape)
    except Exception as error:  # NumPy evaluates the header, which can fail in many ways
        text = str(error).split("\n")[0][:120] or type(error).__name__
        raise DataError(f"{where}: not a .npy array ({text}); save it with numpy.savez") from error
    if dtype.hasobject:
        raise DataError(
            f"{where}: holds pickled Python objects, which are never read; "
            "save arrays of numbers or text with numpy.savez"
        )
    if not plain or dtype.itemsize == 0:
        raise DataError(f"{where}: an array of type {dtype}; expected numbers or text")
    count = math.prod(shape)
    remaining = len(data) - file.tell()
    if count * dtype.itemsize != remaining:
        raise DataError(
            f"{where}: truncated or corrupt: {count * dtype.itemsize} bytes declared for shape "
            f"{shape}, {remaining} present"
        )
    flat = np.frombuffer(data, dtype, count, file.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


def read_npz(
    path: Path,
    wanted: Collection[str] | None = None,
    limits: Limits = LIMITS,
    data: bytes | None = None,
) -> dict[str, NDArray[np.generic]]:
    """Read the arrays of a .npz file: all of them, or those of the wanted names that it has.

    data: the file's bytes if it is inside an archive; `path` is then only its name.
    """
    files = None if wanted is None else {f"{name}.npy" for name in wanted}
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, content in read_members(path, files, limits, data):
        arrays[name.removesuffix(".npy")] = parse_npy(content, f"{path}, array {name!r}")
    return arrays
