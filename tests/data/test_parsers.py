"""Parsers of published formats: correct results, and one clear line for damaged files."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from published import cifar_batch, encoded, idx, image_array, picture

from metaplastic.data.parsers.cifar import RECORD, parse_batch
from metaplastic.data.parsers.idx import read_idx
from metaplastic.data.parsers.images import Reading, decode
from metaplastic.data.parsers.npz import parse_npy, read_npz
from metaplastic.errors import DataError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)


@pytest.mark.parametrize("packed", [True, False])
def test_idx(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(idx(IMAGES)) if packed else idx(IMAGES))
    np.testing.assert_array_equal(read_idx(path, 3, 1 << 20), IMAGES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated: 0 bytes"),
        (idx(IMAGES)[:10], "truncated within its header"),
        (idx(IMAGES)[:-1], r"truncated: its header declares 60 bytes .* it holds 59"),
        (idx(IMAGES) + b"x", "too long"),
        (b"\0\0\x0d\x03" + idx(IMAGES)[4:], "wrong magic number 00000d03, expected 00000803"),
        (idx(IMAGES[0]), "wrong magic number 00000802"),
        (b"\0\0\x08\x03" + struct.pack(">III", 2**32 - 1, 2**32 - 1, 9), "truncated"),
    ],
)
def test_bad_idx(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path, 3, 1 << 80)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [5, 40, -1, -9])
def test_truncated_gzip(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(IMAGES))[:cut])
    with pytest.raises(DataError, match=r"images\.gz: the gzip file is truncated or corrupt"):
        read_idx(path, 3, 1 << 20)


def test_corrupt_gzip(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(idx(RNG.integers(0, 256, (50, 9, 9), dtype=np.uint8))))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "images.gz"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"corrupt"):
        read_idx(path, 3, 1 << 20)


def test_cifar_channels_come_last() -> None:
    images = RNG.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    split = parse_batch(cifar_batch(images, np.array([3, 9, 0])), "batch")
    np.testing.assert_array_equal(split.inputs, images)
    assert split.labels.tolist() == [3, 9, 0]
    assert split.labels.dtype == np.int32


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (bytes(RECORD - 1), "expected whole records"),
        (bytes([10]) + bytes(RECORD - 1), "a label 10, expected 0 to 9"),
        (pickle.dumps({"data": bytes(100)}), "a pickle, which is never read; use the binary"),
    ],
)
def test_bad_cifar(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_batch(data, "batch")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP", "JPEG"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_images(kind: str, mode: str) -> None:
    image = picture(1, (16, 12), mode)
    reading = Reading(mode="grey" if mode == "L" else "colour")
    array = image_array(encoded(image, kind), reading=reading)
    assert array.shape == ((12, 16) if mode == "L" else (12, 16, 3))
    assert array.dtype == np.uint8
    if kind in ("PNG", "BMP") or (kind == "GIF" and mode == "L"):
        np.testing.assert_array_equal(array, np.asarray(image))


def test_images_are_cut_to_the_central_square() -> None:
    array = np.zeros((10, 30), np.uint8)
    array[:, 10:20] = 200
    from PIL import Image

    result = image_array(encoded(Image.fromarray(array)), reading=Reading(size=5))
    np.testing.assert_array_equal(result, 200)


def test_one_bit_images() -> None:
    from PIL import Image

    line = Image.fromarray(np.array([[True, False]]))
    np.testing.assert_array_equal(image_array(encoded(line)), [[255, 0]])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7])
def test_truncated_images(kind: str, share: float) -> None:
    data = encoded(picture(2, (40, 40), "RGB"), kind)
    with pytest.raises(DataError, match=r"^some/x\.jpg: cannot be decoded"):
        decode(data[: int(share * len(data))], "some/x.jpg", Reading())


def test_an_image_that_is_a_bomb_is_refused() -> None:
    import zlib

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d))
        for n, d in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )
    with pytest.raises(DataError, match=r"bomb\.png"):
        decode(b"\x89PNG\r\n\x1a\n" + chunks, "bomb.png", Reading())


def _npy(array: np.ndarray, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


@pytest.mark.parametrize(
    "array",
    [IMAGES, np.asfortranarray(IMAGES[0]), np.array(["a", "bc"]), np.arange(3.0), np.float32(2)],
)
def test_npy(array: np.ndarray) -> None:
    result = parse_npy(_npy(np.asarray(array)), "x.npy")
    np.testing.assert_array_equal(result, array)
    assert result.dtype == np.asarray(array).dtype


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_npy(IMAGES)[:-3], "truncated or corrupt: 60 bytes declared"),
        (_npy(np.array([{}, None]), pickled=True), "pickled Python objects, which are never read"),
        (pickle.dumps([1, 2]), "a pickle, which is never read"),
        (b"not an array", r"not a \.npy array"),
        (_npy(IMAGES).replace(b"(4, 5, 3)", b"(4, 5,999)"), r"x\.npy"),
    ],
)
def test_bad_npy(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_npy(data, "x.npy")


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=IMAGES, y=np.arange(4))
    arrays = read_npz(path)
    assert set(arrays) == {"x", "y"}
    np.testing.assert_array_equal(arrays["x"], IMAGES)
    assert set(read_npz(path, ["y", "z"])) == {"y"}
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="truncated or corrupt"):
        read_npz(path)
