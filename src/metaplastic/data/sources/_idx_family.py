"""MNIST and the data sets that are published in files of the same four names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metaplastic.data.cache import Parsed, cached, hash_file, make_key
from metaplastic.data.dataset import Split
from metaplastic.data.locate import find_together
from metaplastic.data.parsers.idx import read_idx
from metaplastic.data.source import Remote, Request
from metaplastic.errors import DataError

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

MAX_IMAGES = 60_000  # in one published file


def find(request: Request, name: str, folders: Sequence[str]) -> list[Path]:
    """Find the four files. Raises DataError naming the first that is missing."""
    groups = [(f"{stem}.gz", stem) for stem in STEMS]
    return find_together(name, request.roots, folders, groups)


def read(
    request: Request,
    name: str,
    folders: Sequence[str],
    class_names: tuple[str, ...],
    others: Sequence[Remote],
) -> Parsed:
    """Read both splits, from the cache or the files.

    others: the published files of the other set with the same file names. One of them among the
    files is an error, since nothing else distinguishes the sets.
    """
    paths = find(request, name, folders)
    hashes = [hash_file(path) for path in paths]
    for path, digest in zip(paths, hashes, strict=True):
        for other in others:
            if other.checksum == f"sha256:{digest}":
                raise DataError(
                    f"{path} is a file of another data set, published at {other.urls[0]}; "
                    f"put the files of {name} into a folder {name!r}"
                )
    return cached(name, make_key([name, *hashes]), lambda: _parse(paths, class_names))


def _parse(paths: list[Path], class_names: tuple[str, ...]) -> Parsed:
    splits: dict[str, Split] = {}
    for split, images_path, labels_path in (
        ("train", paths[0], paths[1]),
        ("test", paths[2], paths[3]),
    ):
        images = read_idx(images_path, 3, MAX_IMAGES * 28 * 28)
        labels = read_idx(labels_path, 1, MAX_IMAGES)
        if len(images) != len(labels):
            raise DataError(
                f"{images_path} holds {len(images)} images but {labels_path} {len(labels)} labels; "
                "they must be files of one data set"
            )
        if images.shape[1:] != (28, 28):
            raise DataError(f"{images_path}: images of {images.shape[1:]}, expected (28, 28)")
        if int(labels.max()) >= len(class_names):
            raise DataError(
                f"{labels_path}: a label {labels.max()}, expected 0 to {len(class_names) - 1}"
            )
        splits[split] = Split(images, labels.astype(np.int32))
    return Parsed(splits, class_names)
