"""CIFAR-10, in its binary version."""

from __future__ import annotations

from pathlib import Path

from metaplastic.data.cache import Parsed, cached, hash_file, make_key
from metaplastic.data.dataset import Card, Dataset, Portion
from metaplastic.data.locate import candidate_dirs, not_found
from metaplastic.data.parsers.archive import Limits, read_members
from metaplastic.data.parsers.cifar import BATCH_BYTES, parse_batches
from metaplastic.data.source import Remote, Request, Source
from metaplastic.errors import DataError
from metaplastic.files import read_bytes

CARD = Card(
    name="cifar10",
    title="CIFAR-10",
    kind="image",
    origin="https://www.cs.toronto.edu/~kriz/cifar.html",
    licence="none stated; research use",
    citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009)",
    role="meta-train",
    summary=(
        "50,000 and 10,000 colour 32×32 images, 10 classes; meta-validation uses the test batch: "
        "other images of the same classes"
    ),
)
FOLDERS = ("cifar10", "CIFAR10", "cifar-10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin")
CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
FILES = (
    Remote(
        "cifar-10-binary.tar.gz",
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
        "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        170052171,
    ),
)
_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_LIMITS = Limits(member=BATCH_BYTES, total=1 << 28, count=100)
_PORTIONS = {"meta-train": (Portion("train"),), "meta-validation": (Portion("test"),)}


def find(request: Request) -> list[Path]:
    """Find the archive, or the existing training batches and the test batch (or a part of it)."""
    for folder in candidate_dirs(request.roots, FOLDERS):
        archive = folder / FILES[0].name
        if archive.is_file():
            return [archive]
        train = [folder / name for name in _TRAIN if (folder / name).is_file()]
        whole = folder / "test_batch.bin"
        test = [whole] if whole.is_file() else sorted(folder.glob("test_batch*.bin"))[:1]
        if train and test:
            return train + test
        if train or test:
            missing = "data_batch_1.bin" if test else "test_batch.bin"
            raise DataError(f"{folder} holds a part of CIFAR-10 but no {missing}; fetch it again")
        for name in ("data_batch_1", "cifar-10-python.tar.gz", "cifar-10-batches-py"):
            if (folder / name).exists():
                raise DataError(
                    f"{folder / name} is the Python version of CIFAR-10, made of pickles, which "
                    "are never read; use the binary version: cifar-10-binary.tar.gz"
                )
    raise not_found(CARD.name, "data_batch_1.bin", request.roots)


def _parse(paths: list[Path]) -> Parsed:
    if len(paths) > 1:
        batches = [(str(path), read_bytes(path, DataError, limit=BATCH_BYTES)) for path in paths]
    else:
        wanted = {f"cifar-10-batches-bin/{name}" for name in (*_TRAIN, "test_batch.bin")}
        members = dict(read_members(paths[0], wanted, _LIMITS))
        missing = sorted(wanted - members.keys())
        if missing:
            raise DataError(
                f"{paths[0]}: {missing[0]} is missing; expected the binary version of CIFAR-10, "
                "cifar-10-binary.tar.gz"
            )
        batches = [(f"{paths[0]}, {name}", members[name]) for name in sorted(members)]
    return parse_batches(batches[:-1], batches[-1], CLASS_NAMES)


def _load(request: Request) -> Dataset:
    paths = find(request)
    key = make_key(["cifar10", *(f"{path.name}={hash_file(path)}" for path in paths)])
    parsed = cached(CARD.name, key, lambda: _parse(paths))
    return Dataset(
        CARD, parsed.splits, parsed.class_names, (32, 32, 3), (), parsed.notes, _PORTIONS
    )


SOURCE = Source(CARD, _load, files=FILES, folders=FOLDERS, find=find)
