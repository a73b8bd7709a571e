"""Class folders in the layouts of ImageNet and Tiny ImageNet.

train/<wnid>/… and val/<wnid>/…, or Tiny ImageNet's val/images with val/val_annotations.txt. Classes
are named by their WordNet ids.
"""

from __future__ import annotations

import re

import numpy as np

from metaplastic.data.cache import Parsed
from metaplastic.data.dataset import Split
from metaplastic.data.left_out import describe_left_out
from metaplastic.data.parsers.image_formats import is_image
from metaplastic.data.parsers.image_set import read_images
from metaplastic.data.parsers.images import Reading
from metaplastic.data.parsers.tree import Tree
from metaplastic.errors import DataError
from metaplastic.progress import Progress

_MEMBER = re.compile(r"^(?:.*/)?(train|val)/(n\d{8})/(?:images/)?[^/]+\.(?:jpe?g|png)$", re.I)
_FLAT = re.compile(r"^(?:.*/)?val/images/([^/]+\.(?:jpe?g|png))$", re.I)
_ANNOTATIONS = "val/val_annotations.txt"


def parse_folders(tree: Tree, size: int, progress: Progress) -> Parsed:
    """Parse images of both splits, in colour, as central squares of size × size, and their labels.

    Raises DataError if there are no class folders or labels are missing.
    """
    entries: dict[str, list[tuple[str, str]]] = {"train": [], "val": []}
    flat: dict[str, str] = {}
    for name in tree.names:
        if match := _MEMBER.match(name):
            entries[match[1].lower()].append((match[2], name))
        elif match := _FLAT.match(name):
            flat[match[1]] = name
    if not entries["train"]:
        raise DataError(f"{tree.path}: no images found in train/nXXXXXXXX/")
    if flat and not entries["val"]:
        table = _annotations(tree)
        for name, path in flat.items():
            if name not in table:
                raise DataError(f"{tree.path}: {_ANNOTATIONS} gives no label for {name}")
            entries["val"].append((table[name], path))
    classes = sorted({label for rows in entries.values() for label, _ in rows})
    index = {name: i for i, name in enumerate(classes)}
    rows = {split: sorted(pairs) for split, pairs in entries.items() if pairs}
    slots: dict[str, int] = {}
    for pairs in rows.values():
        for _, path in pairs:
            slots[path] = len(slots)
    # As published: ImageNet is used without regard to EXIF orientation.
    reading = Reading(size, "colour", upright=False)
    where = str(tree.path)
    images, image_notes = read_images(
        lambda: tree.read(slots), slots, "imagenet", where, reading, progress
    )
    splits: dict[str, Split] = {}
    start = 0
    for split, pairs in rows.items():
        labels = np.array([index[label] for label, _ in pairs], np.int32)
        name = "test" if split == "val" else split
        splits[name] = Split(images[start : start + len(pairs)], labels)
        start += len(pairs)
    notes = [] if "test" in splits else ["no validation images found: there is no test split"]
    notes.append(f"{len(classes)} classes, {len(slots)} images, from {tree.path.name}")
    others = [name for name in tree.names if is_image(name) and name not in slots]
    notes += [*image_notes, *describe_left_out(others, "images without a known label")]
    return Parsed(splits, tuple(classes), (), tuple(notes))


def _annotations(tree: Tree) -> dict[str, str]:
    names = [name for name in tree.names if name.endswith(_ANNOTATIONS)]
    if not names:
        raise DataError(f"{tree.path}: {_ANNOTATIONS}, which labels val/images, is missing")
    table: dict[str, str] = {}
    for _, data in tree.read(names[:1]):
        for line in data.decode("utf-8", "replace").splitlines():
            fields = line.split("\t")
            if len(fields) >= 2:
                table[fields[0]] = fields[1]
    return table
