"""A thousand mutations of each format: one of our errors or a correct result, nothing else."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from published import (
    cifar_batch,
    deep_picture,
    encoded,
    idx,
    image_array,
    picture,
    psd,
    tarred,
    zipped,
)

from metaplastic.data.address import parse_address
from metaplastic.data.parsers.archive import read_members
from metaplastic.data.parsers.cifar import parse_batch
from metaplastic.data.parsers.idx import read_idx
from metaplastic.data.parsers.images import Reading
from metaplastic.data.parsers.npz import parse_npy, read_npz
from metaplastic.data.parsers.table_options import TableOptions
from metaplastic.data.parsers.tables import read_table
from metaplastic.errors import MetaplasticError

pytestmark = pytest.mark.usefixtures("no_hang")

_RNG = np.random.default_rng(0)
_IMAGES = _RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8)
_FILES = {"a/1.txt": b"hello " * 20, "b/2.txt": bytes(_RNG.integers(0, 256, 300, dtype=np.uint8))}


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, _IMAGES)
    return file.getvalue()


def _npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x=_IMAGES, y=np.arange(3))
    return file.getvalue()


_Check = Callable[[bytes, Path], None]


def _idx(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    array = read_idx(path, 3, 1 << 20)
    assert array.size == len(data) - 16  # nothing invented, nothing left over


def _idx_gz(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    # gzip has a checksum: the result must be the original data.
    np.testing.assert_array_equal(read_idx(path, 3, 1 << 20), _IMAGES)


def _cifar(data: bytes, path: Path) -> None:
    split = parse_batch(data, "file")
    assert len(split) * 3073 == len(data)
    assert split.labels.max() <= 9


def _archive(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    for name, content in read_members(path):
        assert not name.startswith("/")
        assert ".." not in name.split("/")
        assert isinstance(content, bytes)


def _image(data: bytes, path: Path) -> None:
    array = image_array(data, reading=Reading(6))
    assert array.dtype == np.uint8
    assert array.shape in ((6, 6), (6, 6, 3))


def _array(data: bytes, path: Path) -> None:
    array = parse_npy(data, "file")
    assert array.nbytes <= len(data)
    assert array.dtype.kind in "biufUS"


def _arrays(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    for array in read_npz(path).values():
        assert array.dtype.kind in "biufUS"


def _csv(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    table = read_table(path, TableOptions(label="y"))
    assert table.labels is not None
    assert len(table.values) == len(table.labels) > 0
    assert np.isfinite(table.values).all()


_FORMATS: dict[str, tuple[bytes, _Check]] = {
    "idx": (idx(_IMAGES), _idx),
    "idx.gz": (gzip.compress(idx(_IMAGES), mtime=0), _idx_gz),
    "cifar": (
        cifar_batch(_RNG.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8), np.array([1, 2])),
        _cifar,
    ),
    "zip": (zipped(_FILES), _archive),
    "tar": (tarred(_FILES, "w")[:4096], _archive),
    "tar.gz": (tarred(_FILES), _archive),
    "png": (encoded(picture(1, (12, 9), "RGB"), "PNG"), _image),
    "jpeg": (encoded(picture(1, (12, 9), "RGB"), "JPEG"), _image),
    "gif": (encoded(picture(1, (12, 9), "L"), "GIF"), _image),
    "bmp": (encoded(picture(1, (12, 9), "RGB"), "BMP"), _image),
    "tiff": (encoded(picture(1, (12, 9), "RGB"), "TIFF"), _image),
    "avif": (encoded(picture(1, (12, 9), "RGB"), "AVIF"), _image),
    "jp2": (encoded(picture(1, (12, 9), "RGB"), "JPEG2000"), _image),
    "ppm": (encoded(picture(1, (12, 9), "RGB"), "PPM"), _image),
    "psd": (psd(np.asarray(picture(1, (12, 9), "RGB"))), _image),
    "qoi": (encoded(picture(1, (12, 9), "RGB"), "QOI"), _image),
    "png of 16 bits": (encoded(deep_picture(1)), _image),
    "webp": (encoded(picture(1, (12, 9), "RGB"), "WEBP"), _image),
    "npy": (_npy(), _array),
    "npz": (_npz(), _arrays),
    "csv": (b'a,y,b\n1,"u",2.5\n-3e2,v,0\n7,w,8\n', _csv),
}


def _error_of(call: Callable[[], object]) -> str | None:
    """Return the message of one of our errors; any other propagates and fails the test."""
    try:
        call()
    except MetaplasticError as error:
        return str(error)
    return None


@st.composite
def _mutations(draw: st.DrawFn, original: bytes) -> bytes:
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["set", "flip", "cut", "drop", "insert", "repeat", "number"]))
        at = draw(st.integers(0, max(0, len(data) - 1)))
        if not data:
            break
        if kind == "set":
            data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0x22, 0x2C, 0x0A]))
        elif kind == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        elif kind == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 200))]
        else:
            value = draw(st.sampled_from([0, 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]))
            order = draw(st.sampled_from(["big", "little"]))
            data[at : at + 4] = value.to_bytes(4, order)
    return bytes(data)


@pytest.mark.parametrize("name", _FORMATS)
def test_the_original_is_right(name: str, tmp_path: Path) -> None:
    data, check = _FORMATS[name]
    check(data, tmp_path / "file")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Pillow emits many warnings for damaged files
@pytest.mark.parametrize("name", _FORMATS)
def test_mutations(name: str, tmp_path: Path) -> None:
    original, check = _FORMATS[name]
    path = tmp_path / "file"

    @settings(
        max_examples=1000,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_mutations(original))
    def run(data: bytes) -> None:
        error = _error_of(lambda: check(data, path))
        assert error is None or (error and "\n" not in error)

    run()


@settings(max_examples=1000, deadline=None, database=None)
@example("a:~0")  # a home directory of nobody
@example("~0")
@given(
    st.one_of(
        st.text(max_size=30),
        st.text("abz:@?=&/.19%", max_size=25),
        st.builds("{}:{}@{}?{}".format, st.text(max_size=5), st.text(), st.integers(), st.text()),
    )
)
def test_addresses(text: str) -> None:
    error = _error_of(lambda: parse_address(text))
    if error is not None:
        assert error
        assert "\n" not in error
        return
    address = parse_address(text)
    assert address.name
    assert address.size is None or 1 <= address.size <= 1024
