"""Addresses, and the directories that are searched for files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from published import write_mnist

from metaplastic.data import SOURCES, load, named_sources
from metaplastic.data.address import parse_address
from metaplastic.errors import ConfigError, DataError, MetaplasticError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mnist", ("mnist", "", None, {})),
        ("mnist@14", ("mnist", "", 14, {})),
        (" omniglot@14?background=small1 ", ("omniglot", "", 14, {"background": "small1"})),
        ("folder:/a/b", ("folder", "/a/b", None, {})),
        ("folder:/a/b@32?mode=grey", ("folder", "/a/b", 32, {"mode": "grey"})),
        (
            "csv:t.csv?label=a%20b&header=no",
            ("csv", "t.csv", None, {"label": "a b", "header": "no"}),
        ),
        ("npz:C:/x.npz", ("npz", "C:/x.npz", None, {})),
        ("folder:me@home/x", ("folder", "me@home/x", None, {})),
    ],
)
def test_addresses(text: str, expected: tuple) -> None:
    address = parse_address(text)
    assert (address.name, address.rest, address.size, dict(address.options)) == expected


def test_a_path_that_looks_like_a_resolution_is_taken_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set@14").mkdir()
    assert parse_address("folder:set@14").size is None
    assert parse_address("folder:set@14@16").size == 16
    assert parse_address("folder:other@14").size == 14


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not the address"),
        ("@14", "the name is missing"),
        ("mnist@0", "between 1 and 1024"),
        ("mnist@99999", "between 1 and 1024"),
        ("folder:", "has nothing after 'folder:'"),
        ("folder:@14", "has nothing after"),
        ("csv:x?label", "KEY=VALUE"),
        ("csv:x?label=a&label=b", "each key once"),
        ("csv", "'csv' needs a colon and what to load, for example csv:PATH"),
        ("mnist:x", "given by its name alone"),
        ("mnist?label=x", "'mnist' has no option 'label'; it takes none"),
        ("omniglot?back=full", "it takes: background"),
        ("omniglot?background=small3", "it has: full, small1, small2"),
        ("emnist", "unknown data set 'emnist'.* Did you mean 'mnist'"),
        ("fashion-mnist", "Did you mean 'fashion_mnist'"),
    ],
)
def test_bad_addresses(text: str, message: str) -> None:
    with pytest.raises(MetaplasticError, match=message):
        load(text)


def test_directories_are_searched_in_order(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {}
    for name in ("given", "environment"):
        arrays[name] = write_mnist(tmp_path / name / "mnist", seed=len(name))["train"][0]
    arrays["cache"] = write_mnist(cache / "data" / "mnist", seed=9)["train"][0]

    def loaded(**kwargs: Path) -> np.ndarray:
        return np.asarray(load("mnist", **kwargs).train.inputs)

    np.testing.assert_array_equal(loaded(), arrays["cache"])
    monkeypatch.setenv("METAPLASTIC_DATA", str(tmp_path / "environment"))
    np.testing.assert_array_equal(loaded(), arrays["environment"])
    np.testing.assert_array_equal(loaded(data_dir=tmp_path / "given"), arrays["given"])
    (tmp_path / "empty").mkdir()
    np.testing.assert_array_equal(loaded(data_dir=tmp_path / "empty"), arrays["environment"])


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_files_may_be_in_a_named_folder_or_directly(
    cache: Path, tmp_path: Path, folder: str, packed: bool
) -> None:
    arrays = write_mnist(tmp_path / folder, packed=packed)
    dataset = load("mnist", data_dir=tmp_path)
    np.testing.assert_array_equal(dataset.test.inputs, arrays["t10k"][0])
    np.testing.assert_array_equal(dataset.test.labels, arrays["t10k"][1])


def test_missing_files_are_named_with_what_to_do(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run 'metaplastic data fetch mnist', or give") as caught:
        load("mnist", data_dir=tmp_path)
    assert str(tmp_path) in str(caught.value)
    write_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"but t10k-labels-idx1-ubyte\.gz is missing"):
        load("mnist", data_dir=tmp_path)


def test_a_missing_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"from --data-dir\) does not exist"):
        load("digits", data_dir=tmp_path / "no")
    monkeypatch.setenv("METAPLASTIC_DATA", str(tmp_path / "no"))
    with pytest.raises(DataError, match=r"from METAPLASTIC_DATA\) does not exist"):
        load("digits")


def test_images_and_labels_of_different_counts(cache: Path, tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist", count=12)
    write_mnist(tmp_path / "other", count=13)
    name = "train-labels-idx1-ubyte.gz"
    (tmp_path / "mnist" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(DataError, match=r"holds 12 images but .*train-labels.* 13 labels"):
        load("mnist", data_dir=tmp_path)


def test_mnist_is_not_mistaken_for_fashion_mnist(real_data: Path, cache: Path) -> None:
    with pytest.raises(DataError, match="is a file of another data set"):
        load("fashion_mnist", data_dir=real_data / "mnist")
    with pytest.raises(DataError, match="is a file of another data set"):
        load("mnist", data_dir=real_data / "fashion_mnist")


def test_the_registry_knows_all_names() -> None:
    names = [source.name for source in named_sources()]
    assert len(set(SOURCES)) == len(SOURCES)
    held_out = {s.name for s in named_sources() if s.card.role == "held-out"}
    assert held_out == {"digits", "mnist", "fashion_mnist", "imdb", "two_moons"}
    meta_train = {s.name for s in named_sources() if s.card.role == "meta-train"}
    assert meta_train == {"glyphs", "omniglot", "cifar10", "imagenet"}
    assert set(names) == held_out | meta_train


def test_schemes_are_not_data_sets() -> None:
    from metaplastic.data.registry import named_source

    with pytest.raises(ConfigError, match="unknown data set 'csv'"):
        named_source("csv")
