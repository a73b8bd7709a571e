"""ImageNet: class folders as in ImageNet and Tiny ImageNet, or the downsampled arrays."""

from __future__ import annotations

import re
from pathlib import Path

from metaplastic.data.cache import Parsed, cached, hash_file, make_key
from metaplastic.data.dataset import Card, Dataset, Portion
from metaplastic.data.locate import candidate_dirs, not_found
from metaplastic.data.parsers.archive import Limits
from metaplastic.data.parsers.imagenet_arrays import parse_arrays
from metaplastic.data.parsers.imagenet_folders import parse_folders
from metaplastic.data.parsers.tree import open_tree
from metaplastic.data.portions import divide
from metaplastic.data.source import Remote, Request, Source
from metaplastic.errors import DataError

VERSION = "2"
SIZE = 64
SHARES = (0.7, 0.1, 0.2)
CARD = Card(
    name="imagenet",
    title="ImageNet, Tiny ImageNet or downsampled ImageNet",
    kind="image",
    origin="https://image-net.org; http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    licence="ImageNet terms: non-commercial research",
    citation="Russakovsky et al., ILSVRC (2015); Le and Yang, Tiny ImageNet (2015); "
    "Chrabaszcz et al., arXiv:1707.08819 (2017)",
    role="meta-train",
    summary="colour images, 64×64 by default, cropped to the central square; 70 % of the "
    "classes are for meta-training, 10 % for meta-validation, 20 % held out",
)
FOLDERS = (
    "imagenet",
    "ImageNet",
    "tiny_imagenet",
    "tiny-imagenet-200",
    "imagenet/tiny-imagenet-200",
    "tiny_imagenet/tiny-imagenet-200",
)
FILES = (
    Remote(
        "tiny-imagenet-200.zip",
        ("http://cs231n.stanford.edu/tiny-imagenet-200.zip",),
        "md5:90528d7ca1a48142e341f4ef8d21d0de",
        248100043,
    ),
)
_LIMITS = Limits(member=1 << 26)  # more than the largest photograph
_WNID = re.compile(r"^n\d{8}$")


def find(request: Request) -> list[Path]:
    """Find an archive, a directory with train/nXXXXXXXX, or the files of downsampled arrays."""
    for folder in candidate_dirs(request.roots, FOLDERS):
        archives = sorted(
            folder.glob("tiny-imagenet-200*.zip"), key=lambda p: (len(p.name), p.name)
        )
        if archives:
            return archives[:1]
        train = folder / "train"
        if train.is_dir() and any(_WNID.match(child.name) for child in train.iterdir()):
            return [folder]
        arrays = _find_arrays(folder, request.size)
        if arrays:
            return arrays
        for name in ("train_data_batch_1", "Imagenet64_train.zip", "Imagenet32_train.zip"):
            if (folder / name).exists():
                raise DataError(
                    f"{folder / name} is made of pickles, which are never read; use the NumPy "
                    "version of downsampled ImageNet: Imagenet32_train_npz.zip and "
                    "Imagenet32_val_npz.zip"
                )
    raise not_found(CARD.name, "tiny-imagenet-200.zip, or train/nXXXXXXXX,", request.roots)


def _find_arrays(folder: Path, size: int | None) -> list[Path]:
    batches = sorted(
        folder.glob("train_data_batch_*.npz"), key=lambda p: (len(p.name), p.name)
    ) or sorted(folder.glob("train_data.npz"))
    if batches and (folder / "val_data.npz").is_file():
        return [*batches, folder / "val_data.npz"]
    sides = [
        side
        for side in (8, 16, 32, 64)
        if all((folder / f"Imagenet{side}_{part}_npz.zip").is_file() for part in ("train", "val"))
    ]
    if not sides:
        return []
    large = [side for side in sides if side >= (size or SIZE)]
    side = large[0] if large else sides[-1]
    return [folder / f"Imagenet{side}_{part}_npz.zip" for part in ("train", "val")]


def _load(request: Request) -> Dataset:
    paths = find(request)
    size = request.size or SIZE
    if paths[0].suffix == ".npz" or paths[0].name.endswith("_npz.zip"):
        key = make_key(["imagenet", VERSION, size, *(hash_file(path) for path in paths)])
        parsed = cached(
            CARD.name, key, lambda: parse_arrays(paths[:-1], paths[-1], size, request.progress)
        )
    else:
        request.progress("listing files", 0, None)
        tree = open_tree(paths[0], _LIMITS)
        key = make_key(["imagenet", VERSION, size, tree.fingerprint])
        parsed = cached(CARD.name, key, lambda: parse_folders(tree, size, request.progress))
    return Dataset(
        CARD,
        parsed.splits,
        parsed.class_names,
        (size, size, 3),
        (),
        parsed.notes,
        _portions(parsed),
    )


def _portions(parsed: Parsed) -> dict[str, tuple[Portion, ...]]:
    parts = divide(parsed.class_names, "imagenet/classes", SHARES)
    return {
        name: tuple(Portion(split, classes=classes) for split in parsed.splits)
        for name, classes in zip(("meta-train", "meta-validation", "held-out"), parts, strict=True)
    }


SOURCE = Source(CARD, _load, files=FILES, folders=FOLDERS, find=find)
