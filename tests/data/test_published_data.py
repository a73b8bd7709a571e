"""The published data sets, if present: counts, shapes and labels as their authors state."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from metaplastic.data import load, to_matrix
from metaplastic.data.registry import named_source
from metaplastic.data.verification import verify_files

_MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
_MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def _need(real_data: Path, name: str) -> Path:
    if not (real_data / name).is_dir():
        pytest.skip(f"{name} is not in {real_data}")
    return real_data


def test_mnist(real_data: Path) -> None:
    dataset = load("mnist", data_dir=_need(real_data, "mnist"))
    assert dataset.train.inputs.shape == (60000, 28, 28)
    assert dataset.test.inputs.shape == (10000, 28, 28)
    assert np.bincount(dataset.train.labels).tolist() == _MNIST_TRAIN
    assert np.bincount(dataset.test.labels).tolist() == _MNIST_TEST
    assert dataset.train.labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert abs(dataset.train.inputs.mean() / 255 - 0.1307) < 1e-4
    assert abs(dataset.train.inputs.std() / 255 - 0.3081) < 1e-4


def test_mnist_at_14_averages_four_pixels(real_data: Path) -> None:
    data_dir = _need(real_data, "mnist")
    small, whole = load("mnist@14", data_dir=data_dir), load("mnist", data_dir=data_dir)
    expected = np.rint(np.asarray(whole.test.inputs).reshape(-1, 14, 2, 14, 2).mean((2, 4)))
    np.testing.assert_array_equal(small.test.inputs, expected)


def test_fashion_mnist(real_data: Path) -> None:
    dataset = load("fashion_mnist", data_dir=_need(real_data, "fashion_mnist"))
    assert np.bincount(dataset.train.labels).tolist() == [6000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    assert dataset.shape == (28, 28)
    assert abs(dataset.train.inputs.mean() / 255 - 0.2860) < 1e-4
    assert abs(dataset.train.inputs.std() / 255 - 0.3530) < 1e-4


def test_cifar10_in_part(real_data: Path) -> None:
    dataset = load("cifar10", data_dir=_need(real_data, "cifar10"))
    assert dataset.shape == (32, 32, 3)
    if not any("partial" in note for note in dataset.notes):
        assert np.bincount(dataset.train.labels).tolist() == [5000] * 10
        return
    assert len(dataset.train) == 20000
    assert len(dataset.test) == 1000
    names = (real_data / "cifar10" / "batches.meta.txt").read_text().split()
    assert list(dataset.class_names) == names
    assert len(dataset.portion("meta-train")) == 20000
    # The first ten of the published test batch.
    assert dataset.test.labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]


def test_tiny_imagenet_in_part(real_data: Path) -> None:
    dataset = load("imagenet@16", data_dir=_need(real_data, "tiny_imagenet"))
    assert dataset.shape == (16, 16, 3)
    assert np.bincount(dataset.train.labels).tolist() == [65] * 200
    assert np.bincount(dataset.test.labels).tolist() == [15] * 200
    classes = [set(dataset.portion(name).labels) for name in dataset.portions]
    assert [len(part) for part in classes] == [140, 20, 40]
    assert len(set.union(*classes)) == 200


@pytest.mark.slow
def test_omniglot(real_data: Path) -> None:
    dataset = load("omniglot", data_dir=_need(real_data, "omniglot"))
    assert dataset.train.inputs.shape == (19280, 28, 28)
    assert dataset.test.inputs.shape == (13180, 28, 28)
    train, test = np.unique(dataset.train.labels), np.unique(dataset.test.labels)
    assert (len(train), len(test)) == (964, 659)
    assert not set(train) & set(test)
    counts = np.bincount(np.concatenate([dataset.train.labels, dataset.test.labels]))
    assert counts.tolist() == [20] * 1623
    alphabets = Counter(name.split("/")[0] for name in dataset.class_names)
    assert len(alphabets) == 50
    # Ink covers the smaller part of the paper.
    assert 0.02 < (dataset.train.inputs > 127).mean() < 0.2
    # Each of the 20 people of an alphabet drew each of its characters once.
    assert dataset.train.groups is not None
    pairs = set(zip(dataset.train.labels, dataset.train.groups, strict=True))
    assert len(pairs) == 19280


@pytest.mark.parametrize(("which", "count"), [("small1", 2720), ("small2", 3120)])
def test_small_omniglot_agrees_with_the_whole(real_data: Path, which: str, count: int) -> None:
    data_dir = _need(real_data, "omniglot")
    small = load(f"omniglot?background={which}", data_dir=data_dir)
    whole = load("omniglot", data_dir=data_dir)
    assert len(small.train) == count
    assert len({small.class_names[i].split("/")[0] for i in np.unique(small.train.labels)}) == 5
    index = {name: i for i, name in enumerate(whole.class_names)}
    for label in np.unique(small.train.labels)[::40]:
        ours = to_matrix(small.train.inputs[small.train.labels == label]).mean(0)
        rows = whole.train.labels == index[small.class_names[label]]
        theirs = to_matrix(whole.train.inputs[rows]).mean(0)
        # Resized from 105×105 here; the authors used another method.
        assert np.corrcoef(ours, theirs)[0, 1] > 0.75


@pytest.mark.slow
def test_imdb(real_data: Path) -> None:
    dataset = load("imdb", data_dir=_need(real_data, "imdb"))
    for split in dataset.splits.values():
        assert split.inputs.shape == (25000, 1000)
        assert np.bincount(split.labels).tolist() == [12500, 12500]
    # "the" is in nearly every review; counts are whole numbers.
    matrix = dataset.train.inputs
    assert (matrix.data == np.rint(matrix.data)).all()
    assert (matrix > 0).mean(0).max() > 0.98


@pytest.mark.slow
def test_imdb_words_tell_the_classes_apart(real_data: Path) -> None:
    from sklearn.naive_bayes import MultinomialNB

    dataset = load("imdb", data_dir=_need(real_data, "imdb"))
    model = MultinomialNB().fit(dataset.train.inputs, dataset.train.labels)
    assert model.score(dataset.test.inputs, dataset.test.labels) > 0.8


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_files_are_as_published(real_data: Path, name: str) -> None:
    checked = verify_files(named_source(name), _need(real_data, name))
    assert [one.verdict for one in checked] == ["as published"] * 4


def test_checksums_of_the_readme(real_data: Path) -> None:
    readme = (real_data / "README.md").read_text()
    for name in ("mnist", "fashion_mnist", "omniglot", "cifar10", "imdb", "imagenet"):
        folder = "tiny_imagenet" if name == "imagenet" else name
        if not (real_data / folder).is_dir():
            continue
        for one in verify_files(named_source(name), real_data):
            assert f"| `{one.path.name}` |" in readme
            assert one.sha256 in readme
