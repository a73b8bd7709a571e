"""Files that declare or unpack to more than expected cost little and give a one-line error."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from published import cifar_batch, idx, tarred, write_mnist

from metaplastic.data import load
from metaplastic.data.parsers.archive import Limits, member_names
from metaplastic.data.parsers.cifar import BATCH_BYTES
from metaplastic.data.parsers.idx import read_idx
from metaplastic.data.parsers.tree import open_tree
from metaplastic.errors import DataError

MIB = 1 << 20


@contextmanager
def _at_most(size: int) -> Iterator[None]:
    """Check that no more than `size` bytes are held at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def _bomb(path: Path, head: bytes, size: int) -> None:
    """A gzip file that unpacks to a head and `size` zeros."""
    with gzip.open(path, "wb", 1) as file:
        file.write(head)
        for _ in range(size // MIB):
            file.write(bytes(MIB))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "wrong magic number 00000000"),
        (struct.pack(">IIII", 0x803, 10, 28, 28), "too long: its header declares 7840 bytes"),
        (struct.pack(">IIII", 0x803, 2**31, 28, 28), "at most 47,040,000 are expected"),
        (struct.pack(">IIII", 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1), "at most 47,040,000"),
    ],
)
def test_a_bomb_named_as_mnist(cache: Path, tmp_path: Path, head: bytes, message: str) -> None:
    write_mnist(tmp_path / "mnist")
    _bomb(tmp_path / "mnist" / "train-images-idx3-ubyte.gz", head, 64 * MIB)
    with _at_most(4 * MIB), pytest.raises(DataError, match=message):
        load("mnist", data_dir=tmp_path)


def test_a_header_that_declares_too_much_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(struct.pack(">IIII", 0x803, 60_000, 28, 28) + bytes(100))
    with _at_most(4 * MIB), pytest.raises(DataError, match="truncated"):
        read_idx(path, 3, 1 << 40)


def test_an_empty_idx_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
    with pytest.raises(DataError, match=r"holds nothing: .* \(0, 28, 28\)"):
        read_idx(path, 3, 1 << 20)


def test_files_of_a_folder_have_a_bound(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(100))
    assert dict(open_tree(tmp_path, Limits(member=100)).read({"x"})) == {"x": bytes(100)}
    with pytest.raises(DataError, match="larger than the 99 bytes"):
        list(open_tree(tmp_path, Limits(member=99)).read({"x"}))


def test_a_cifar_batch_larger_than_a_batch(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cifar10"
    folder.mkdir()
    batch = cifar_batch(np.zeros((1, 32, 32, 3), np.uint8), np.array([1]))
    (folder / "test_batch.bin").write_bytes(batch)
    with (folder / "data_batch_1.bin").open("wb") as file:
        file.truncate(40 * BATCH_BYTES)  # sparse: it takes no space on the disk
    with _at_most(BATCH_BYTES + MIB), pytest.raises(DataError, match="larger than the 30,730,000"):
        load("cifar10", data_dir=tmp_path)


def test_a_long_header_in_a_tar_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"comment": "x" * (20 * MIB)}
        archive.addfile(info)
    path = tmp_path / "x.tar.gz"
    path.write_bytes(file.getvalue())
    with _at_most(4 * MIB), pytest.raises(DataError, match="a header of 2097"):
        member_names(path)


def test_a_bomb_in_a_tar_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(tarred({"a/b.png": bytes(100 * MIB)}))
    with _at_most(20 * MIB), pytest.raises(DataError, match="size bomb"):
        list(open_tree(path).names)


def test_a_file_that_may_not_be_read(cache: Path, tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    path = tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz"
    path.unlink()
    path.mkdir()  # cannot be read by anyone, including the superuser
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        load("mnist", data_dir=tmp_path)
