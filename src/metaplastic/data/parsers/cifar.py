"""The binary version of CIFAR-10: records of one label byte and 3,072 bytes of pixels.

Pixels are stored channel by channel (1,024 red, green, blue), row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metaplastic.data.cache import Parsed
from metaplastic.data.dataset import Split
from metaplastic.errors import DataError

RECORD = 1 + 3 * 32 * 32
FULL_BATCH = 10_000
BATCH_BYTES = FULL_BATCH * RECORD


def parse_batch(data: bytes, where: str, classes: int = 10) -> Split:
    """Parse one batch: images (n, 32, 32, 3) uint8 and labels. where: its name in errors."""
    if not data:
        raise DataError(f"{where}: empty, expected records of {RECORD} bytes")
    if data[:1] == b"\x80" and len(data) % RECORD:
        raise DataError(
            f"{where}: a pickle, which is never read; use the binary version of CIFAR-10: "
            "cifar-10-binary.tar.gz"
        )
    if len(data) % RECORD:
        raise DataError(
            f"{where}: {len(data)} bytes, expected whole records of {RECORD}; "
            "the file is truncated or not the binary version of CIFAR-10"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int32)
    if int(labels.max()) >= classes:
        raise DataError(f"{where}: a label {labels.max()}, expected 0 to {classes - 1}")
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Split(np.ascontiguousarray(images), labels)


def parse_batches(
    train: Sequence[tuple[str, bytes]], test: tuple[str, bytes], class_names: tuple[str, ...]
) -> Parsed:
    """Parse all batches of a data set, each a name and its bytes, with notes on missing parts."""
    parts = [parse_batch(data, where, len(class_names)) for where, data in train]
    train_split = Split(
        np.concatenate([np.asarray(part.inputs) for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
    test_split = parse_batch(test[1], test[0], len(class_names))
    notes: list[str] = []
    if len(train) < 5:
        notes.append(f"partial: {len(train)} of the 5 training batches ({len(train_split)} images)")
    if len(test_split) < FULL_BATCH:
        name = Path(test[0]).name
        notes.append(f"partial: {len(test_split)} of the {FULL_BATCH} test images ({name})")
    return Parsed({"train": train_split, "test": test_split}, class_names, (), tuple(notes))
