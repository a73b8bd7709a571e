"""The user's own data: folders, archives, npz, csv, texts, arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from published import encoded, image_folder, picture, tarred, zipped

from metaplastic.data import from_arrays, load
from metaplastic.errors import DataError, MetaplasticError


def test_a_folder_per_class(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set", classes=3, each=5)
    dataset = load(f"folder:{root}")
    assert dataset.class_names == ("class0", "class1", "class2")
    assert dataset.shape == (7, 9)
    assert dataset.card.role == "user"
    assert np.bincount(dataset.train.labels).tolist() == [4] * 3
    assert np.bincount(dataset.test.labels).tolist() == [1] * 3
    assert "a seeded fifth of each class" in dataset.notes[0]
    # Every image occurs once, with its own class.
    seen = {}
    for split in dataset.splits.values():
        for image, label in zip(split.inputs, split.labels, strict=True):
            seen[image.tobytes()] = label
    for label in range(3):
        for index in range(5):
            assert seen[np.asarray(picture(100 * label + index)).tobytes()] == label
    again = load(f"folder:{root}")
    np.testing.assert_array_equal(again.train.inputs, dataset.train.inputs)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_packed_folder_is_the_folder(cache: Path, tmp_path: Path, kind: str) -> None:
    root = image_folder(tmp_path / "set")
    files = {str(p.relative_to(tmp_path)): p.read_bytes() for p in root.rglob("*.png")}
    packed = tmp_path / f"set.{kind}"
    packed.write_bytes(zipped(files) if kind == "zip" else tarred(files))
    one, other = load(f"folder:{packed}"), load(f"folder:{root}")
    assert one.class_names == other.class_names
    for split in ("train", "test"):
        np.testing.assert_array_equal(one.splits[split].inputs, other.splits[split].inputs)
        np.testing.assert_array_equal(one.splits[split].labels, other.splits[split].labels)


def test_splits_in_folders(cache: Path, tmp_path: Path) -> None:
    image_folder(tmp_path / "set" / "train", each=4)
    image_folder(tmp_path / "set" / "val", each=2)
    dataset = load(f"folder:{tmp_path / 'set'}@4")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 12, "test": 6}
    assert dataset.shape == (4, 4)
    assert "the validation split serves as test split" in dataset.notes


def test_one_colour_image_makes_all_colour(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set")
    (root / "class2" / "004.png").write_bytes(encoded(picture(7, mode="RGB")))
    dataset = load(f"folder:{root}")
    assert dataset.shape == (7, 9, 3)
    grey = dataset.train.inputs[dataset.train.labels == 0]
    assert (grey[..., 0] == grey[..., 1]).all()
    assert load(f"folder:{root}?mode=grey").shape == (7, 9)


def test_progress_is_reported(cache: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "set")
    seen: list[tuple[str, int, int | None]] = []
    load(f"folder:{root}", progress=lambda *report: seen.append(report))
    assert seen[-1] == ("reading images", 15, 15)


def _bad_folder(tmp_path: Path, problem: str) -> str:
    root = image_folder(tmp_path / "set")
    if problem == "missing":
        return f"folder:{tmp_path / 'nowhere'}"
    if problem == "empty":
        (tmp_path / "empty").mkdir()
        return f"folder:{tmp_path / 'empty'}"
    if problem == "no folders":
        return f"folder:{root / 'class0'}"
    if problem == "corrupt":
        (root / "class1" / "002.png").write_bytes(b"no picture")
    if problem == "truncated":
        path = root / "class1" / "002.png"
        path.write_bytes(path.read_bytes()[:60])
    if problem == "sizes":
        (root / "class1" / "002.png").write_bytes(encoded(picture(0, (4, 4))))
    return f"folder:{root}"


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ("missing", "nowhere does not exist"),
        ("empty", "no images; expected a folder per class"),
        ("no folders", "5 images but no folders"),
        ("corrupt", r"class1/002\.png: cannot be decoded"),
        ("truncated", r"class1/002\.png: cannot be decoded"),
        ("sizes", r"class1/002\.png has 4x4 pixels, .* 7x9; give one resolution"),
    ],
)
def test_bad_folders(cache: Path, tmp_path: Path, problem: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(_bad_folder(tmp_path, problem))
    assert not list(cache.rglob("*.safetensors*"))


def test_a_test_split_alone_is_refused(cache: Path, tmp_path: Path) -> None:
    image_folder(tmp_path / "set" / "test")
    with pytest.raises(DataError, match="has test but no folder 'train'"):
        load(f"folder:{tmp_path / 'set'}")


def test_many_classes_are_split_by_class_few_by_example(cache: Path) -> None:
    rng = np.random.default_rng(0)
    many = from_arrays(rng.normal(size=(200, 4)), np.arange(200) % 40)
    train, validation = many.portion("meta-train"), many.portion("meta-validation")
    assert not set(train.labels) & set(validation.labels)
    assert len(train) + len(validation) == 200
    few = from_arrays(rng.normal(size=(200, 4)), np.arange(200) % 10)
    assert few.portion("meta-train") is few.train
    assert few.portion("meta-validation") is few.test


def test_npz(cache: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (30, 5, 5), dtype=np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "one.npz", x=x, y=y)
    one = load(f"npz:{tmp_path / 'one.npz'}")
    assert (len(one.train), len(one.test)) == (24, 6)
    assert one.card.kind == "image"
    path = tmp_path / "four.npz"
    np.savez(path, x_train=x, y_train=y[:, None], x_test=x[:5] / 255.0, y_test=y[:5, None])
    four = load(f"npz:{path}")
    np.testing.assert_array_equal(four.train.inputs, x)
    np.testing.assert_array_equal(four.test.inputs, x[:5])
    assert load(f"npz:{path}@10").shape == (10, 10)
    np.savez(path, a=x)
    with pytest.raises(DataError, match="holds the arrays a; expected x and y"):
        load(f"npz:{path}")
    with pytest.raises(DataError, match="does not exist"):
        load(f"npz:{tmp_path / 'no.npz'}")
    np.savez(path, x=np.array([{}]), y=y)
    with pytest.raises(DataError, match="never read"):
        load(f"npz:{path}")


def test_csv(cache: Path, tmp_path: Path) -> None:
    path, test = tmp_path / "t.csv", tmp_path / "u.csv"
    path.write_text("a;kind\n" + "".join(f"{i};{'xy'[i % 2]}\n" for i in range(20)))
    test.write_text("a;kind\n5;y\n")
    dataset = load(f"csv:{path}?label=kind&delimiter=;")
    assert dataset.class_names == ("x", "y")
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    dataset = load(f"csv:{path}?label=kind&delimiter=;&test={test}")
    assert dataset.test.inputs.tolist() == [[5.0]]
    assert dataset.test.labels.tolist() == [1]
    test.write_text("a;b;kind\n5;6;y\n")
    with pytest.raises(DataError, match="must have the same columns"):
        load(f"csv:{path}?label=kind&delimiter=;&test={test}")
    for option in ("header=maybe", "delimiter=ab", "test=nowhere"):
        with pytest.raises(DataError):
            load(f"csv:{path}?label=kind&{option}")
    with pytest.raises(DataError, match="does not exist"):
        load(f"csv:{tmp_path}?label=a")


def test_texts(cache: Path, tmp_path: Path) -> None:
    for label, word in (("glad", "sunshine"), ("sad", "rain")):
        (tmp_path / "t" / label).mkdir(parents=True)
        for i in range(10):
            text = f"{word} {word} is number{i}"
            (tmp_path / "t" / label / f"{i}.txt").write_text(text, "utf-8")
    dataset = load(f"text:{tmp_path / 't'}")
    assert dataset.card.kind == "text"
    assert {name: len(s) for name, s in dataset.splits.items()} == {"train": 16, "test": 4}
    assert dataset.train.inputs.toarray().max() == 2
    # The vocabulary comes from the training texts alone.
    assert dataset.shape[0] <= 3 + 10
    for split in dataset.splits.values():
        glad = split.inputs.toarray()[split.labels == 0]
        assert (glad.max(1) == 2).all()
    (tmp_path / "t" / "sad" / "x.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"sad/x\.txt: not UTF-8"):
        load(f"text:{tmp_path / 't'}")


def test_texts_without_words(cache: Path, tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "t" / label).mkdir(parents=True)
        (tmp_path / "t" / label / "1.txt").write_text("... !!")
    with pytest.raises(DataError, match="hold no words"):
        load(f"text:{tmp_path / 't'}")


def test_arrays_keep_their_values() -> None:
    x = np.arange(40.0).reshape(20, 2)
    dataset = from_arrays(x, ["b", "a"] * 10, x[:2], ["a", "b"])
    assert dataset.class_names == ("a", "b")
    np.testing.assert_array_equal(dataset.train.inputs, x.astype(np.float32))
    assert dataset.train.labels[:2].tolist() == [1, 0]
    assert dataset.test.labels.tolist() == [0, 1]
    named = from_arrays(x, np.arange(20) % 2, class_names=["no", "yes", "perhaps"])
    assert named.class_names == ("no", "yes", "perhaps")


def test_a_class_of_one_example_stays_in_train() -> None:
    dataset = from_arrays(np.zeros((5, 2)), [0, 0, 0, 0, 1])
    assert 1 in dataset.train.labels
    assert 1 not in dataset.test.labels


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (np.zeros((3, 2)), [0, 1], "3 examples but 2 labels"),
        (np.array([[1.0, np.nan]]), [0], r"nan at index \(0, 1\)"),
        (np.array([[1.0, np.inf]]), [0], "inf at index"),
        (np.zeros(3), [0, 0, 0], r"shape \(3,\); expected \(examples, features\)"),
        (np.zeros((0, 3)), [], r"shape \(0, 3\)"),
        (np.zeros((2, 3, 4, 4)), [0, 1], "put the channels last"),
        (np.full((2, 4, 4), 300), [0, 1], "pixels run from 300 to 300"),
        (np.full((2, 4, 4), -0.5), [0, 1], "pixels run from -0.5"),
        (np.array([["a", "b"]]), [0], "expected numbers"),
        (np.full((1, 2), 1e300), [0], "too large for float32"),
        (np.zeros((2, 2)), [0.5, 1], "integers or text, not fractions"),
        (np.zeros((2, 2)), [np.nan, 1], "not fractions or NaN"),
        (np.zeros((2, 2)), np.eye(2), "expected one per example"),
    ],
)
def test_bad_arrays(inputs: np.ndarray, labels: list, message: str) -> None:
    with pytest.raises(MetaplasticError, match=message):
        from_arrays(inputs, labels)


@pytest.mark.parametrize(
    ("images", "expected", "note"),
    [
        (np.array([0, 2**-10, 2**-9]), [0, 128, 255], "values of 0 to 0.001953125, the data's own"),
        (np.array([-1.0, 0.0, 1.0]), [0, 128, 255], "values of -1 to 1, the data's own range"),
        (np.array([0, 400, 1000], np.uint16), [0, 102, 255], "values of 0 to 1000"),
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255], "values rounded to 256 levels"),
        (np.array([0.0, 100.25, 255]), [0, 100, 255], "values rounded to 256 levels"),
        (np.array([0, 7, 255]) / 255, [0, 7, 255], ""),
        (np.array([0.0, 3, 16]), [0, 3, 16], ""),
        (np.array([0, 1, 1]), [0, 1, 1], ""),
        (np.array([False, True, True]), [0, 255, 255], ""),
    ],
)
def test_values_of_images_in_arrays(images: np.ndarray, expected: list[int], note: str) -> None:
    shaped = np.repeat(images.reshape(3, 1, 1), 4, axis=1)
    dataset = from_arrays(shaped, [0, 1, 0], shaped[:1], [0])
    assert dataset.train.inputs[:, 0, 0].tolist() == expected
    assert dataset.test.inputs.max() == 0  # by the same map
    assert note in " ".join(dataset.notes)
    assert bool(dataset.notes) == bool(note)


def test_test_inputs_need_labels() -> None:
    with pytest.raises(DataError, match="test inputs without test labels"):
        from_arrays(np.zeros((2, 2)), [0, 1], np.zeros((1, 2)))
    with pytest.raises(DataError, match="expected"):
        from_arrays(np.zeros((2, 2)), [0, 1], np.zeros((1, 3)), [0])


def test_contact_sheets(tmp_path: Path) -> None:
    from PIL import Image

    from metaplastic.data.contact_sheet import contact_sheet, save_contact_sheet

    dataset = load("digits")
    sheet = contact_sheet(dataset)
    assert sheet.dtype == np.uint8
    # Ten rows of twenty 8×8 digits, enlarged seven times, and the gaps.
    assert sheet.shape == (10 * 58 + 2, 20 * 58 + 2, 3)
    tile = sheet[2 + 58 : 58 + 58 : 7, 2:58:7, 0]
    ones = dataset.train.inputs[dataset.train.labels == 1]
    assert (ones == tile).all((1, 2)).any()
    save_contact_sheet(dataset, tmp_path / "d.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "d.png")), sheet)
    assert (contact_sheet(load("two_moons")).std(axis=(0, 1)) > 0).all()
    with pytest.raises(DataError, match="cannot be written"):
        save_contact_sheet(dataset, tmp_path / "no" / "d.png")


def test_a_contact_sheet_of_large_images_is_not_huge() -> None:
    from metaplastic.data.contact_sheet import contact_sheet

    images = np.zeros((40, 300, 600, 3), np.uint8)
    images[:, :, :300] = 255
    sheet = contact_sheet(from_arrays(images, np.arange(40) % 2))
    assert sheet.shape == (2 * (64 + 2) + 2, 16 * (128 + 2) + 2, 3)
    assert (sheet[2:66, 2:66] == 255).all()
    assert (sheet[2:66, 66:130] == 0).all()
