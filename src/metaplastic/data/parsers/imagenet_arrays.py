"""Downsampled ImageNet as published in NumPy files: train_data_batch_1.npz …, val_data.npz.

data: (n, 3·s·s) uint8, channel by channel; labels: (n,) from 1 to 1000.
Source: Chrabaszcz, Loshchilov, Hutter, arXiv:1707.08819.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.cache import Parsed
from metaplastic.data.dataset import Split
from metaplastic.data.parsers.archive import Limits, read_members
from metaplastic.data.parsers.npz import read_npz
from metaplastic.data.resizing import resize_images
from metaplastic.errors import DataError
from metaplastic.files import read_bytes
from metaplastic.progress import Progress

_LIMITS = Limits(member=1 << 32)
_KEYS = ("data", "labels")
_CLASSES = 1000
_MAX_NAMES = 1 << 20  # bytes of map_clsloc.txt


def parse_arrays(train: Sequence[Path], val: Path, size: int, progress: Progress) -> Parsed:
    """Parse colour images at size × size and labels, with one batch in memory at a time.

    Classes are named by WordNet ids if map_clsloc.txt is next to the files, otherwise by number.
    """
    splits = {"train": _split(train, size, progress), "test": _split([val], size, progress)}
    names = _class_names(val.parent / "map_clsloc.txt")
    notes = (f"{len(splits['train'])} training images from {train[0].name}",)
    return Parsed(splits, names, (), notes)


def _split(paths: Sequence[Path], size: int, progress: Progress) -> Split:
    images: list[NDArray[np.generic]] = []
    labels: list[NDArray[np.int32]] = []
    for path in paths:
        for where, arrays in _batches(path):
            batch, batch_labels = _batch(where, arrays)
            images.append(resize_images(batch, (size, size)))
            labels.append(batch_labels)
            progress("reading batches", len(images), None)
    if not images:
        raise DataError(f"{paths[0]}: holds no .npz file with data and labels")
    return Split(np.concatenate(images), np.concatenate(labels))


def _batches(path: Path) -> Iterator[tuple[str, dict[str, NDArray[np.generic]]]]:
    if path.suffix == ".npz":
        yield str(path), read_npz(path, _KEYS, _LIMITS)
        return
    for name, data in read_members(path, None, _LIMITS):
        if name.endswith(".npz"):
            yield f"{path}, {name}", read_npz(path, _KEYS, _LIMITS, data)


def _batch(
    where: str, arrays: dict[str, NDArray[np.generic]]
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    data, labels = arrays.get("data"), arrays.get("labels")
    if data is None or labels is None:
        raise DataError(f"{where}: expected the arrays data and labels")
    side = math.isqrt(data.shape[1] // 3) if data.ndim == 2 else 0
    if data.dtype != np.uint8 or data.ndim != 2 or side == 0 or data.shape[1] != 3 * side * side:
        raise DataError(
            f"{where}: data of type {data.dtype} and shape {data.shape}; expected uint8 (n, 3·s·s)"
        )
    if labels.shape != (len(data),) or labels.dtype.kind not in "iu":
        raise DataError(
            f"{where}: labels of shape {labels.shape}, type {labels.dtype}; expected {len(data)} "
            "integers"
        )
    numbers = labels.astype(np.int64)
    if len(numbers) and not 1 <= int(numbers.min()) <= int(numbers.max()) <= _CLASSES:
        raise DataError(f"{where}: labels from {numbers.min()} to {numbers.max()}; expected 1–1000")
    images = data.reshape(-1, 3, side, side).transpose(0, 2, 3, 1)
    return np.asarray(images, np.uint8), (numbers - 1).astype(np.int32)


def _class_names(path: Path) -> tuple[str, ...]:
    names = [f"class {number:04d}" for number in range(1, _CLASSES + 1)]
    if path.is_file():
        text = read_bytes(path, DataError, limit=_MAX_NAMES).decode("utf-8", "replace")
        for line in text.splitlines():
            fields = line.split()
            if len(fields) >= 2 and fields[1].isdigit() and 1 <= int(fields[1]) <= _CLASSES:
                names[int(fields[1]) - 1] = fields[0]
    return tuple(names)
