"""Small files in the published formats, written from the formats' descriptions."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from metaplastic.data.parsers.image_set import read_images
from metaplastic.data.parsers.images import Reading
from metaplastic.progress import silent


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape)
    return header + bytes(int(v) for v in array.reshape(-1))


def write_mnist(folder: Path, count: int = 12, seed: int = 0, packed: bool = True) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    arrays = {}
    for stem in ("train", "t10k"):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        arrays[stem] = images, labels
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{stem}-{name}-ubyte"
            if packed:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(idx(array), 1))
            else:
                path.write_bytes(idx(array))
    return arrays


def cifar_batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    """images (n, 32, 32, 3)."""
    out = bytearray()
    for image, label in zip(images, labels, strict=True):
        out.append(int(label))
        for channel in range(3):
            for row in range(32):
                out += bytes(int(v) for v in image[row, :, channel])
    return bytes(out)


def picture(seed: int, size: tuple[int, int] = (9, 7), mode: str = "L") -> Image.Image:
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))


def deep_picture(seed: int, size: tuple[int, int] = (9, 7)) -> Image.Image:
    """A grey 16-bit image."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 65536, (size[1], size[0]), dtype=np.uint16))


def psd(values: np.ndarray) -> bytes:
    """A PSD file without layers of values (h, w, 3)."""
    height, width, channels = values.shape
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, height, width, 8, 3)
    return head + bytes(12) + bytes(2) + values.transpose(2, 0, 1).tobytes()


def png(
    rows: np.ndarray, depth: int, kind: int, width: int | None = None, **chunks: bytes
) -> bytes:
    """A PNG file of raw rows, uint8 (h, bytes) or uint16 (h, w, c), as Pillow cannot write it.

    kind: 0 grey, 2 colour, 4 grey with opacity, 6 colour with opacity. chunks: further chunks.
    """
    width = rows.shape[1] if width is None else width
    packed = rows.astype(">u2") if rows.dtype == np.uint16 else rows
    head = struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed))
    parts = [("IHDR", head), *chunks.items(), ("IDAT", body), ("IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + name.encode()
        + data
        + struct.pack(">I", zlib.crc32(name.encode() + data))
        for name, data in parts
    )


def tiff(values: np.ndarray, order: str = "<", packed: bool = False) -> bytes:
    """A TIFF file of values (h, w) or (h, w, c) of any number type, in either byte order."""
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    bits, sample = values.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    body = values.astype(values.dtype.newbyteorder(order)).tobytes()
    body = zlib.compress(body) if packed else body
    tags = [(256, width), (257, height), (258, bits), (259, 8 if packed else 1)]
    tags += [(262, 2 if channels >= 3 else 1), (273, 0), (277, channels), (278, height)]
    tags += [(279, len(body)), (284, 1), *([(338, 2)] if channels == 4 else []), (339, sample)]
    end = 8 + 2 + 12 * len(tags) + 4
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    for tag, value in tags:
        count = channels if tag in (258, 339) else 1
        if count > 2:  # the values are stored after the directory
            value = end + (2 * channels if tag == 339 else 0)
        if tag == 273:
            value = end + 4 * channels
        kind = 3 if count > 2 else 4
        out += struct.pack(f"{order}HHII", tag, kind, count, value)
    extra = struct.pack(f"{order}{2 * channels}H", *[bits] * channels, *[sample] * channels)
    return out + bytes(4) + extra + body


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def image_array(data: bytes, name: str = "a/file", reading: Reading | None = None) -> np.ndarray:
    """Decode one image as a data set of its own."""
    files = {name: data}
    images, _ = read_images(files.items, {name: 0}, "set", "set", reading or Reading(), silent)
    return images[0]


def zipped(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def image_folder(root: Path, classes: int = 3, each: int = 5, mode: str = "L") -> Path:
    for label in range(classes):
        (root / f"class{label}").mkdir(parents=True)
        for index in range(each):
            data = encoded(picture(100 * label + index, mode=mode))
            (root / f"class{label}" / f"{index:03d}.png").write_bytes(data)
    return root
