"""Images are rotated according to their EXIF orientation."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published import encoded, image_array, picture

from metaplastic.data.parsers.images import Reading

RNG = np.random.default_rng(0)

# The meaning of EXIF orientation k, from the standard: the side of the scene at which the stored
# rows and columns start.
_UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *[(kind, mode) for kind in ("PNG", "TIFF") for mode in ("L", "RGB", "RGBA", "I;16")],
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
    ],
)
def test_images_are_turned_upright(orientation: int, kind: str, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(RNG.integers(0, 200, (5, 8), dtype=np.uint16))
    else:
        image = picture(3, (8, 5), "RGB").convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    result = image_array(file.getvalue())
    expected = np.asarray(image if mode != "RGBA" else image.convert("RGB"))
    np.testing.assert_array_equal(result, _UPRIGHT[orientation](expected))
    stored = image_array(file.getvalue(), reading=Reading(upright=False))
    if kind != "TIFF":  # Pillow rotates these itself
        np.testing.assert_array_equal(stored, expected)


def test_a_photograph_decoded_smaller_is_turned_upright() -> None:
    scene = np.kron(RNG.integers(40, 220, (6, 6), dtype=np.uint8), np.ones((60, 60), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(np.rot90(scene, 1)).save(file, "JPEG", quality=95, exif=exif)
    result = image_array(file.getvalue(), reading=Reading(6)).astype(int)
    assert np.abs(result - scene[30::60, 30::60]).max() <= 12


def test_damaged_exif_data_lose_neither_image_nor_set(cache: Path, tmp_path: Path) -> None:
    data = encoded(picture(1), "PNG")
    image = Image.open(io.BytesIO(data))
    file = io.BytesIO()
    image.save(file, "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xffgarbage")
    np.testing.assert_array_equal(image_array(file.getvalue()), np.asarray(picture(1)))
