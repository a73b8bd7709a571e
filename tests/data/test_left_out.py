"""Entries that are not read are counted in notes: other files, folders, links, splits."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features
from published import encoded, image_array, image_folder, picture, psd, tarred, zipped

from metaplastic.data import load
from metaplastic.data.left_out import describe_left_out
from metaplastic.data.parsers.image_formats import formats_of, is_image
from metaplastic.errors import DataError

_WRITTEN = {
    ".png": "PNG",
    ".apng": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".jpe": "JPEG",
    ".mpo": "MPO",
    ".bmp": "BMP",
    ".dib": "DIB",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".TIFF": "TIFF",
    ".webp": "WEBP",
    ".jp2": "JPEG2000",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pnm": "PPM",
    ".ico": "ICO",
    ".pcx": "PCX",
    ".tga": "TGA",
    ".sgi": "SGI",
    ".qoi": "QOI",
}
_LOSSY = {"JPEG", "MPO", "WEBP", "JPEG2000", "GIF"}


@pytest.mark.parametrize("suffix", _WRITTEN)
def test_formats_that_are_read(suffix: str) -> None:
    image = picture(1, (16, 16), "L" if suffix == ".pgm" else "RGB")
    kind = _WRITTEN[suffix]
    name = f"a/x{suffix}"
    assert is_image(name)
    result = image_array(encoded(image, kind), name)
    expected = np.asarray(image)
    assert result.shape == expected.shape
    if kind not in _LOSSY:
        np.testing.assert_array_equal(result, expected)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow is built without AVIF")
def test_avif_is_read() -> None:
    assert is_image("x.avif")
    assert image_array(encoded(picture(1, (16, 16), "RGB"), "AVIF"), "x.avif").shape == (16, 16, 3)


def test_a_psd_file_is_read() -> None:
    values = np.asarray(picture(1, (6, 5), "RGB"))
    np.testing.assert_array_equal(image_array(psd(values), "x.psd"), values)


@pytest.mark.parametrize("name", ["x.eps", "x.ps", "x.wmf", "x.emf", "x.mpg", "x.pdf", "x.heic"])
def test_formats_that_are_not(name: str) -> None:
    assert not is_image(name)
    assert not {"EPS", "WMF", "MPEG"} & set(formats_of(name))


def test_postscript_is_never_run_whatever_its_name() -> None:
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
    with pytest.raises(DataError, match=r"a/x\.png: cannot be decoded as an image \(not of a"):
        image_array(data, "a/x.png")


@pytest.mark.parametrize("name", ["png", "a.png/x", "a/.png", "x.", "x.txt", "x"])
def test_names_that_are_not_images(name: str) -> None:
    assert not is_image(name)


def test_a_file_is_recognised_by_its_content_if_that_is_distinctive() -> None:
    image = picture(1, mode="RGB")
    np.testing.assert_array_equal(image_array(encoded(image), "a/x.jpg"), np.asarray(image))
    # TGA has no signature: any damaged file might be taken for it.
    tga = encoded(image, "TGA")
    np.testing.assert_array_equal(image_array(tga, "a/x.tga"), np.asarray(image))
    with pytest.raises(DataError, match="cannot be decoded"):
        image_array(tga, "a/x.png")


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP", "MPO"])
def test_the_first_of_several_images_in_a_file(cache: Path, tmp_path: Path, kind: str) -> None:
    root = image_folder(tmp_path / "set", mode="RGB")
    first, second = (Image.new("RGB", (9, 7), colour) for colour in ("#c04020", "#2040c0"))
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=[second])
    (root / "class1" / "002.png").write_bytes(file.getvalue())
    dataset = load(f"folder:{root}")
    images = np.concatenate([np.asarray(split.inputs) for split in dataset.splits.values()])
    distance = np.abs(images.astype(int) - [0xC0, 0x40, 0x20]).max((1, 2, 3))
    assert (distance < 12).sum() == 1
    notes = [note for note in dataset.notes if "several" in note]
    assert notes == [
        "1 image in files with several; the first of each is used (for example class1/002.png)"
    ]


def test_files_of_other_kinds_and_folders_without_images(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set", classes=2)
    for name in ("class0/a.heic", "class1/b.heic", "owl/c.heic", "owl/d.HEIC", "read me"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "bat").mkdir()
    (root / "loose.png").write_bytes(encoded(picture(1)))
    (root / "class0" / "gone.png").symlink_to(root / "nowhere.png")
    dataset = load(f"folder:{root}")
    assert dataset.class_names == ("class0", "class1")
    assert dataset.notes[:4] == (
        "5 files left out, not images: 3 .heic in 3 folders (class0/a.heic); 1 .HEIC (owl/d.HEIC); "
        "1 no suffix (read me)",
        "1 file left out, neither a file nor a folder, such as a broken link: "
        "1 .png (class0/gone.png)",
        "1 file left out, in no class folder: 1 .png (loose.png)",
        "2 folders left out, no images in them: bat, owl",
    )
    # The cache includes the notes: an added folder is noticed.
    (root / "cow").mkdir()
    assert "3 folders left out, no images in them: bat, cow, owl" in load(f"folder:{root}").notes
    packed = tmp_path / "set.tar.gz"
    files = {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }
    packed.write_bytes(tarred(files))
    assert "1 folder left out, no images in them: owl" in load(f"folder:{packed}").notes


def test_the_error_names_the_files_that_exist(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (root / "owl").mkdir(parents=True)
    (root / "owl" / "a.heic").write_bytes(b"x")
    with pytest.raises(DataError, match=r"no images; .*1 \.heic \(owl/a\.heic\)"):
        load(f"folder:{root}")


def test_files_that_systems_create_are_skipped(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set")
    plain = load(f"folder:{root}")
    image = encoded(picture(1, (3, 3)))
    for name in (
        "@eaDir/a.png/SYNOFILE_THUMB_M.png",
        "class0/@eaDir/x.png",
        "#recycle/x/y.png",
        "$RECYCLE.BIN/x.png",
        "System Volume Information/x.png",
        "lost+found/x.png",
        "__MACOSX/class0/._000.png",
        "class1/.ipynb_checkpoints/000-checkpoint.png",
        ".DS_Store",
        "class1/Thumbs.db",
        "class2/desktop.ini",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(image)
    result = load(f"folder:{root}")
    assert result.class_names == plain.class_names
    assert result.notes == plain.notes
    np.testing.assert_array_equal(result.train.inputs, plain.train.inputs)
    files = {f"set/{p.relative_to(root)}": p.read_bytes() for p in root.rglob("*") if p.is_file()}
    (tmp_path / "set.zip").write_bytes(zipped(files))
    assert load(f"folder:{tmp_path / 'set.zip'}").notes == plain.notes


def test_hidden_folders_and_images_are_noted(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set")
    image = encoded(picture(1, (3, 3)))
    for name in (".cats/a.png", "class0/.x.png", "class0/.x.txt", "class1/._x.png", ".git/a.png"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(image)
    note = "1 folder and 1 file left out, hidden by a leading '.': .cats, class0/.x.png"
    assert note in load(f"folder:{root}").notes
    files = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    (tmp_path / "set.zip").write_bytes(zipped(files))
    assert note in load(f"folder:{tmp_path / 'set.zip'}").notes
    (root / "class0" / ".x.png").unlink()
    assert "1 folder left out, hidden by a leading '.': .cats" in load(f"folder:{root}").notes


def test_a_folder_linked_twice_is_read_twice(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set")
    (root / "class3").symlink_to(root / "class0")
    dataset = load(f"folder:{root}")
    assert dataset.class_names == ("class0", "class1", "class2", "class3")
    assert sum(len(split) for split in dataset.splits.values()) == 20


def test_folders_beside_the_splits_are_not_classes(cache: Path, tmp_path: Path) -> None:
    image_folder(tmp_path / "set" / "train", each=4)
    image_folder(tmp_path / "set" / "test", each=2)
    image_folder(tmp_path / "set" / "predictions", classes=1)
    dataset = load(f"folder:{tmp_path / 'set'}")
    assert dataset.class_names == ("class0", "class1", "class2")
    assert dataset.notes == (
        "5 files left out, in none of the splits test, train: 5 .png (predictions/class0/000.png)",
    )


def test_train_may_be_a_class(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set")
    (root / "class0").rename(root / "train")
    assert load(f"folder:{root}").class_names == ("class1", "class2", "train")


def test_a_long_list_is_cut_and_names_stay_on_one_line() -> None:
    names = [f"f/{i}.k{i % 9}" for i in range(100)] + ["a\nb/c.k0"]
    (note,) = describe_left_out(names, "not images")
    assert note.startswith("101 files left out, not images: 13 .k0 in 2 folders (a b/c.k0); ")
    assert note.endswith("33 of 3 other kinds")
    assert describe_left_out([], "not images") == ()
