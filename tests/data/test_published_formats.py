"""Small versions of published data sets: CIFAR-10, ImageNet in its forms, Omniglot, IMDB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from published import cifar_batch, encoded, picture, tarred, zipped

from metaplastic.data import load
from metaplastic.errors import DataError


def _write_cifar(folder: Path, packed: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(12) % 10
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    files = {
        f"cifar-10-batches-bin/{name}": cifar_batch(
            images[2 * i : 2 * i + 2], labels[2 * i : 2 * i + 2]
        )
        for i, name in enumerate(names)
    }
    folder.mkdir(parents=True)
    if packed:
        (folder / "cifar-10-binary.tar.gz").write_bytes(tarred(files))
    else:
        for name, data in files.items():
            (folder / name.split("/")[1]).write_bytes(data)
    return images, labels


@pytest.mark.parametrize("packed", [True, False])
def test_cifar10(cache: Path, tmp_path: Path, packed: bool) -> None:
    images, labels = _write_cifar(tmp_path / "cifar10", packed)
    dataset = load("cifar10", data_dir=tmp_path)
    np.testing.assert_array_equal(dataset.train.inputs, images[:10])
    np.testing.assert_array_equal(dataset.portion("meta-validation").inputs, images[10:])
    np.testing.assert_array_equal(dataset.train.labels, labels[:10])
    assert dataset.notes == ("partial: 2 of the 10000 test images (test_batch.bin)",)


@pytest.mark.parametrize("name", ["data_batch_1", "cifar-10-python.tar.gz", "cifar-10-batches-py"])
def test_the_python_version_of_cifar10_is_refused(cache: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / name).write_bytes(b"\x80\x04")
    with pytest.raises(DataError, match=r"pickles, .* never read; use .* cifar-10-binary\.tar\.gz"):
        load("cifar10", data_dir=tmp_path)


def _imagenet_files(flat: bool) -> dict[str, bytes]:
    root = "tiny-imagenet-200"
    files: dict[str, bytes] = {}
    lines = []
    for c in range(10):
        wnid = f"n{c:08d}"
        for i in range(3):
            inner = "images/" if flat else ""
            data = encoded(picture(10 * c + i, (40, 30), "RGB" if i else "L"), "PNG")
            files[f"{root}/train/{wnid}/{inner}{wnid}_{i}.png"] = data
        data = encoded(picture(500 + c, (30, 30), "RGB"), "PNG")
        files[f"{root}/val/{'images' if flat else wnid}/val_{c}.png"] = data
        lines.append(f"val_{c}.png\t{wnid}\t0\t0\t9\t9")
    if flat:
        files[f"{root}/val/val_annotations.txt"] = "\n".join(lines).encode()
    return files


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_imagenet_folders(cache: Path, tmp_path: Path, flat: bool, packed: bool) -> None:
    files = _imagenet_files(flat)
    (tmp_path / "imagenet").mkdir()
    if packed:
        (tmp_path / "imagenet" / "tiny-imagenet-200.zip").write_bytes(zipped(files))
    else:
        for name, data in files.items():
            path = tmp_path / "imagenet" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    dataset = load("imagenet@10", data_dir=tmp_path)
    assert dataset.shape == (10, 10, 3)
    np.testing.assert_array_equal(np.bincount(dataset.train.labels), 3)
    np.testing.assert_array_equal(dataset.test.labels, np.arange(10))
    sizes = [len(np.unique(dataset.portion(p).labels)) for p in dataset.portions]
    assert sizes == [7, 1, 2]
    assert len(dataset.portion("held-out")) == 8


def test_imagenet_without_labels_for_an_image(cache: Path, tmp_path: Path) -> None:
    files = _imagenet_files(True)
    files["tiny-imagenet-200/val/images/val_99.png"] = encoded(picture(1))
    (tmp_path / "tiny-imagenet-200.zip").write_bytes(zipped(files))
    with pytest.raises(DataError, match=r"gives no label for val_99\.png"):
        load("imagenet@8", data_dir=tmp_path)


@pytest.mark.parametrize("packed", [True, False])
def test_downsampled_imagenet(cache: Path, tmp_path: Path, packed: bool) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "imagenet"
    folder.mkdir()
    images = rng.integers(0, 256, (3, 6, 8, 8, 3), dtype=np.uint8)
    labels = rng.integers(1, 1001, (3, 6))
    names = ["train_data_batch_1", "train_data_batch_2", "val_data"]
    for name, batch, batch_labels in zip(names, images, labels, strict=True):
        data = batch.transpose(0, 3, 1, 2).reshape(6, -1)
        np.savez(folder / f"{name}.npz", data=data, labels=batch_labels)
    if packed:
        parts = {"train": names[:2], "val": names[2:]}
        for part, members in parts.items():
            files = {f"{m}.npz": (folder / f"{m}.npz").read_bytes() for m in members}
            (folder / f"Imagenet8_{part}_npz.zip").write_bytes(zipped(files))
        for name in names:
            (folder / f"{name}.npz").unlink()
    dataset = load("imagenet@8", data_dir=tmp_path)
    np.testing.assert_array_equal(dataset.train.inputs, images[:2].reshape(-1, 8, 8, 3))
    np.testing.assert_array_equal(dataset.train.labels, labels[:2].reshape(-1) - 1)
    np.testing.assert_array_equal(dataset.test.inputs, images[2])
    assert len(dataset.class_names) == 1000
    assert load("imagenet@4", data_dir=tmp_path).shape == (4, 4, 3)


def test_pickled_imagenet_is_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "imagenet").mkdir()
    (tmp_path / "imagenet" / "train_data_batch_1").write_bytes(b"\x80\x04")
    with pytest.raises(DataError, match=r"never read; use the NumPy .*Imagenet32_train_npz\.zip"):
        load("imagenet", data_dir=tmp_path)


def test_omniglot_is_white_on_black_and_portions_share_no_alphabet(
    cache: Path, tmp_path: Path
) -> None:
    from PIL import Image

    paper = np.ones((105, 105), bool)
    paper[40:60, 40:60] = False
    drawing = encoded(Image.fromarray(paper))

    def archive(part: str, alphabets: int) -> bytes:
        return zipped(
            {
                f"images_{part}/{part}{a}/character0{c}/000{a}_{d:02d}.png": drawing
                for a in range(alphabets)
                for c in (1, 2)
                for d in (1, 2, 3)
            }
        )

    folder = tmp_path / "omniglot"
    folder.mkdir()
    (folder / "images_background.zip").write_bytes(archive("background", 12))
    (folder / "images_evaluation.zip").write_bytes(archive("evaluation", 4))
    dataset = load("omniglot", data_dir=tmp_path)
    assert dataset.shape == (28, 28)
    image = dataset.train.inputs[0]
    assert image[0, 0] == 0
    assert image[13, 13] == 255
    alphabets = {
        name: {dataset.class_names[i].split("/")[0] for i in dataset.portion(name).labels}
        for name in dataset.portions
    }
    assert {name: len(classes) for name, classes in alphabets.items()} == {
        "meta-train": 7,
        "meta-validation": 5,
        "held-out": 4,
    }
    assert not alphabets["meta-train"] & alphabets["meta-validation"]
    assert dataset.train.groups is not None
    assert len(dataset.group_names) == 16 * 3
    assert load("omniglot@105", data_dir=tmp_path).shape == (105, 105)


def test_imdb_words_come_from_training_reviews_alone(cache: Path, tmp_path: Path) -> None:
    files = {}
    for split in ("train", "test"):
        for label in ("pos", "neg"):
            for i in range(4):
                word = "good" if label == "pos" else "bad"
                text = f"A {word} film.<br /><br />It's {word} {split}ing {i}"
                files[f"aclImdb/{split}/{label}/{i}_9.txt"] = text.encode()
    files["aclImdb/train/unsup/0_0.txt"] = b"never seen"
    (tmp_path / "imdb").mkdir()
    (tmp_path / "imdb" / "aclImdb_v1.tar.gz").write_bytes(tarred(files))
    dataset = load("imdb", data_dir=tmp_path)
    assert dataset.class_names == ("neg", "pos")
    assert dataset.card.kind == "text"
    # a bad film good it's training 0 1 2 3; "testing" and "br" are not words
    assert dataset.shape == (10,)
    counts = dataset.train.inputs.toarray()
    assert counts.dtype == np.float32
    assert counts.max() == 2
    assert counts.sum() == 8 * 7
    assert dataset.test.inputs.sum() == 8 * 6
