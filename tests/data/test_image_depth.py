"""Images on a background and at full depth, each checked against its formula."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published import encoded, image_array, picture, png, tiff

from metaplastic.data import Dataset, load
from metaplastic.data.parsers import images
from metaplastic.data.parsers.images import Reading, decode
from metaplastic.errors import DataError

RNG = np.random.default_rng(0)


def _folder(root: Path, images: dict[str, bytes]) -> Path:
    for name, data in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def _rows(dataset: Dataset) -> list[np.ndarray]:
    """All examples, class after class, in a fixed order of their bytes."""
    rows = [
        (int(label), image)
        for split in dataset.splits.values()
        for image, label in zip(np.asarray(split.inputs), split.labels, strict=True)
    ]
    return [image for _, image in sorted(rows, key=lambda row: (row[0], row[1].tobytes()))]


def _on(background: int, colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = (alpha / 255.0)[..., None] if colours.ndim == 3 else alpha / 255.0
    return np.rint(colours * share + background * (1 - share))


@pytest.mark.parametrize("background", [255, 0, 100])
@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_transparency_shows_the_background(mode: str, background: int) -> None:
    colours = RNG.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    alpha = RNG.choice(np.array([0, 255, 128, 7], np.uint8), (6, 7))
    if mode == "LA":
        colours = colours[..., 0]
        image = Image.merge("LA", [Image.fromarray(colours), Image.fromarray(alpha)])
    else:
        image = Image.fromarray(np.dstack([colours, alpha]))
    data = encoded(image, "TIFF" if mode == "PA" else "PNG")
    result = image_array(data, reading=Reading(background=background))
    assert np.abs(result - _on(background, colours, alpha)).max() <= 1
    transparent = alpha == 0
    assert (result[transparent] == background).all()
    np.testing.assert_array_equal(result[alpha == 255], colours[alpha == 255])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_value_of_a_grey_png(bits: int) -> None:
    most = (1 << bits) - 1
    values = np.array([[0, most, 1, 0]] * 2)
    if bits == 16:
        values = np.array([[0, 200, 1, 0]] * 2)
        rows = values.astype(np.uint16)[..., None]
    else:
        packed = np.unpackbits(values.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
        rows = np.packbits(packed.reshape(2, -1), axis=1)
    data = png(rows, bits, 0, width=4, tRNS=(1).to_bytes(2, "big"))
    expected = np.rint(values * (255 / most if bits < 16 else 1))
    expected[values == 1] = 255
    np.testing.assert_array_equal(image_array(data), expected)


def test_a_palette_with_transparency_and_a_transparent_colour() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 50, 0])
    image.putdata([0, 1, 2])
    for transparency in (1, bytes([255, 0, 255])):
        file = io.BytesIO()
        image.save(file, "PNG", transparency=transparency)
        expected = [[[10, 20, 30], [255] * 3, [0, 50, 0]]]
        np.testing.assert_array_equal(image_array(file.getvalue()), expected)
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG", transparency=(200, 0, 0))
    np.testing.assert_array_equal(image_array(file.getvalue()), expected)


def test_black_strokes_on_a_transparent_background_are_visible(cache: Path, tmp_path: Path) -> None:
    images: dict[str, bytes] = {}
    for label in "ab":
        for index in range(5):
            alpha = np.zeros((8, 8), np.uint8)
            alpha[index] = 255
            layers = [Image.new("L", (8, 8), 0), Image.fromarray(alpha)]
            images[f"{label}/{index}.png"] = encoded(Image.merge("LA", layers))
    root = _folder(tmp_path / "set", images)
    dataset = load(f"folder:{root}")
    assert all(image.mean() == 255 * 7 / 8 for image in _rows(dataset))
    note = next(note for note in dataset.notes if "transparent" in note)
    assert note.startswith("10 images with transparent pixels, shown on white")
    dark = load(f"folder:{root}?background=black")
    assert all(image.max() == 0 for image in _rows(dark))
    assert (_rows(load(f"folder:{root}?background=40"))[0] != 255).all()


def test_lab_is_shown_in_rgb() -> None:
    # White, black, and a red whose CIELAB values are 53, 80, 67 (signed, as offset bytes).
    image = Image.frombytes("LAB", (3, 1), bytes([255, 0, 0, 0, 0, 0, 135, 80, 67]))
    result = image_array(encoded(image, "TIFF"))[0].astype(int)
    assert np.abs(result - [[255, 255, 255], [0, 0, 0], [255, 0, 0]]).max() <= 12


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "LAB"])
def test_bands_agree_with_the_whole(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(5, (20, 30), "RGB")
    if mode == "RGBA":
        image.putalpha(picture(6, (20, 30)))
    elif mode == "LAB":
        image = Image.frombytes("LAB", image.size, image.tobytes())
    else:
        image = image.convert(mode)
    options = {"transparency": 3} if mode == "P" else {}
    file = io.BytesIO()
    image.save(file, "TIFF" if mode in ("CMYK", "LAB") else "PNG", **options)
    whole = image_array(file.getvalue())
    monkeypatch.setattr(images, "_BAND", 7 * 20)
    np.testing.assert_array_equal(image_array(file.getvalue()), whole)


def test_opaque_alpha_changes_nothing() -> None:
    image = picture(4, mode="RGB")
    layers = image.convert("RGBA")
    np.testing.assert_array_equal(image_array(encoded(layers)), np.asarray(image))
    assert not decode(encoded(layers), "x.png", Reading()).see_through


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # 12 bits in 16: the set's own range.
        (np.array([[0, 2048, 4095]], np.uint16), [[0, 128, 255]]),
        # Small numbers are not lost.
        (np.array([[0, 3, 255]], np.uint16), [[0, 3, 255]]),
        (np.array([[30000, 30500, 31000]], np.uint16), [[0, 128, 255]]),
        (np.array([[-100, 0, 100]], np.int32), [[0, 128, 255]]),
        (np.array([[-100, 0, 100]], np.int16), [[0, 128, 255]]),
        (np.array([[0, 2**31, 2**32 - 1]], np.uint32), [[0, 128, 255]]),
        (np.array([[0.0, 0.25, 1.0]], np.float32), [[0, 64, 255]]),
        (np.array([[0.0, 99.6, 200.0]], np.float32), [[0, 100, 200]]),
        (np.array([[-1.5, 0.0, 1.5]], np.float32), [[0, 128, 255]]),
        (np.array([[7000, 7000, 7000]], np.uint16), [[0, 0, 0]]),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
def test_more_than_eight_bits(values: np.ndarray, expected: list, order: str, packed: bool) -> None:
    if values.dtype == np.uint32 and order == ">":
        with pytest.raises(DataError, match="cannot be decoded"):  # Pillow cannot open these
            image_array(tiff(values, order, packed))
        return
    np.testing.assert_array_equal(image_array(tiff(values, order, packed)), expected)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
def test_colour_tiffs_of_sixteen_bits(channels: int, order: str, packed: bool) -> None:
    values = RNG.integers(0, 4096, (5, 7, channels), dtype=np.uint16)
    values[0, 0, :2] = 0, 4095
    values[..., 3:] = 65535
    expected = np.rint(values[..., :3] * (255 / 4095))
    np.testing.assert_array_equal(image_array(tiff(values, order, packed)), expected)


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (4, 2), (2, 3), (6, 4)])
def test_pngs_of_sixteen_bits(kind: int, channels: int) -> None:
    values = RNG.integers(0, 4096, (5, 7, channels), dtype=np.uint16)
    values[0, 0, 0], values[0, 1, 0] = 0, 4095
    if kind in (4, 6):
        values[..., -1] = 65535
        values[2:, :, -1] = 65535 // 4  # a quarter of the colour, three of the white
    result = image_array(png(values, 16, kind))
    colours = values[..., :3] if channels > 2 else values[..., 0]
    expected = colours * (255 / 4095)
    if kind in (4, 6):
        expected[2:] = expected[2:] / 4 + 255 * 3 / 4
    assert np.abs(result - expected).max() <= 0.51


def test_a_set_has_one_range_and_a_note(cache: Path, tmp_path: Path) -> None:
    scale = {"a": 1, "b": 2}
    values = RNG.integers(0, 2000, (10, 4, 5), dtype=np.uint16)
    values[0, 0, 0], values[5, 0, 0] = 0, 2000
    images: dict[str, bytes] = {}
    for label, factor in scale.items():
        for index in range(5):
            row = values[5 * (label == "b") + index] * factor
            images[f"{label}/{index}.png"] = encoded(Image.fromarray(row))
    root = _folder(tmp_path / "set", images)
    dataset = load(f"folder:{root}")
    expected = [
        np.rint(values[5 * (label == "b") + index] * float(factor) * (255 / 4000))
        for label, factor in scale.items()
        for index in range(5)
    ]
    by_class = [sorted(e.astype(np.uint8).tobytes() for e in expected[i : i + 5]) for i in (0, 5)]
    result = [row.tobytes() for row in _rows(dataset)]
    assert result == by_class[0] + by_class[1]
    note = next(note for note in dataset.notes if "8 bits" in note)
    assert "10 images of more than 8 bits per channel: values of 0 to 4000, the set's own" in note
    assert "range=0,4000" in note
    # The range of one set can be applied to another.
    part = _folder(tmp_path / "part", {n: d for n, d in images.items() if n[0] == "a"})
    given = load(f"folder:{part}?range=0,4000")
    assert [row.tobytes() for row in _rows(given)] == by_class[0]
    clipped = load(f"folder:{part}?range=100,300")
    assert "clipped" in next(note for note in clipped.notes if "8 bits" in note)


def test_a_set_of_both_depths_keeps_those_of_eight_bits(cache: Path, tmp_path: Path) -> None:
    plain = {f"a/{i}.png": encoded(picture(i)) for i in range(5)}
    deep = {
        f"b/{i}.png": encoded(Image.fromarray(RNG.integers(0, 5000, (7, 9), dtype=np.uint16)))
        for i in range(5)
    }
    dataset = load(f"folder:{_folder(tmp_path / 'set', plain | deep)}")
    rows = _rows(dataset)
    assert [row.tobytes() for row in rows[:5]] == sorted(
        np.asarray(picture(i)).tobytes() for i in range(5)
    )
    assert np.stack(rows[5:]).max() == 255
    assert "5 images of 8 bits unchanged" in next(n for n in dataset.notes if "8 bits" in n)


def test_pixels_that_are_not_numbers_are_refused() -> None:
    values = np.array([[0.0, np.nan, 1.0]], np.float32)
    with pytest.raises(DataError, match=r"a/x\.tif: holds pixels that are not finite"):
        image_array(tiff(values), "a/x.tif")


def test_libtiff_does_not_print(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(tiff(RNG.integers(0, 256, (9, 9), dtype=np.uint8), packed=True))
    data[-30:] = bytes(30)
    with pytest.raises(DataError, match=r"a/x\.tif: cannot be decoded"):
        image_array(bytes(data), "a/x.tif")
    assert capfd.readouterr().err == ""
    print("still there", file=sys.stderr)
    assert capfd.readouterr().err == "still there\n"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("background=pink", "background 'pink'; it must be white, grey, gray, black or a number"),
        ("background=256", "background '256'"),
        ("background=-1", "background '-1'"),
        ("background=²", "background '²'"),
        ("range=5", "range '5'; it must be two numbers, as in range=0,4095"),
        ("range=5,5", "range '5,5'"),
        ("range=0,inf", "range '0,inf'"),
        ("range=a,b", "range 'a,b'"),
        ("mode=cmyk", "mode 'cmyk'; it must be grey or colour"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, option: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(f"folder:{tmp_path}?{option}")
