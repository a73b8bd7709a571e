"""Omniglot: handwritten characters of 50 alphabets, each drawn by 20 people."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from metaplastic.data.cache import Parsed, cached, make_key
from metaplastic.data.dataset import Card, Dataset, Portion, Split
from metaplastic.data.locate import find_together
from metaplastic.data.parsers.archive import Limits
from metaplastic.data.parsers.image_set import read_images
from metaplastic.data.parsers.images import Reading
from metaplastic.data.parsers.tree import Tree, open_tree
from metaplastic.data.portions import shuffled
from metaplastic.data.source import Remote, Request, Source
from metaplastic.errors import DataError

SIZE = 28
VALIDATION_ALPHABETS = 5
CARD = Card(
    name="omniglot",
    title="Omniglot",
    kind="image",
    origin="https://github.com/brendenlake/omniglot",
    licence="MIT",
    citation="Lake, Salakhutdinov, Tenenbaum, Science 350:1332 (2015)",
    role="meta-train",
    summary=(
        "grey images of 1,623 characters, 20 drawings each, white on black, 28×28 by default; "
        "train is the background set, test the evaluation set; 5 background alphabets "
        "are for meta-validation, the evaluation alphabets are held out"
    ),
)
FOLDERS = ("omniglot", "Omniglot", "omniglot-py", "omniglot/python")
_BASE = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
FILES = (
    Remote(
        "images_background.zip",
        (f"{_BASE}images_background.zip",),
        "md5:68d2efa1b9178cc56df9314c21c6e718",
        9464212,
    ),
    Remote(
        "images_evaluation.zip",
        (f"{_BASE}images_evaluation.zip",),
        "md5:6b91aef0f799c5bb55b94e3f2daec811",
        6462886,
    ),
)
_NAMES = {
    "full": ("images_background.zip", "images_background_28x28.zip", "images_background"),
    "small1": ("images_background_small1.zip", "images_background_small1"),
    "small2": ("images_background_small2.zip", "images_background_small2"),
    "evaluation": ("images_evaluation.zip", "images_evaluation_28x28.zip", "images_evaluation"),
}
_LIMITS = Limits(member=1 << 20, total=1 << 30)
_MEMBER = re.compile(r"(?:^|.*/)([^/]+)/(character\d+)/\d+_(\d+)\.png$")


def find(request: Request) -> list[Path]:
    """Find the requested background set and the evaluation set: archives or directories."""
    background = request.options.get("background", "full")
    if background not in ("full", "small1", "small2"):
        raise DataError(f"omniglot has no background {background!r}; it has: full, small1, small2")
    groups = [_NAMES[background], _NAMES["evaluation"]]
    return find_together(CARD.name, request.roots, FOLDERS, groups)


def _load(request: Request) -> Dataset:
    size = request.size or SIZE
    trees = [open_tree(path, _LIMITS) for path in find(request)]
    key = make_key(["omniglot", size, *(tree.fingerprint for tree in trees)])
    parsed = cached(CARD.name, key, lambda: _parse(trees, size, request))
    return Dataset(
        CARD,
        parsed.splits,
        parsed.class_names,
        (size, size),
        parsed.group_names,
        parsed.notes,
        _portions(parsed),
    )


def _portions(parsed: Parsed) -> dict[str, tuple[Portion, ...]]:
    train = {parsed.class_names[i] for i in np.unique(parsed.splits["train"].labels)}
    alphabets = {name.split("/")[0] for name in train}
    chosen = set(shuffled(alphabets, "omniglot/alphabets")[:VALIDATION_ALPHABETS])
    if len(alphabets) <= VALIDATION_ALPHABETS:  # the small background sets: one of five
        chosen = set(shuffled(alphabets, "omniglot/alphabets")[:1])
    validation = frozenset(name for name in train if name.split("/")[0] in chosen)
    return {
        "meta-train": (Portion("train", classes=frozenset(train) - validation),),
        "meta-validation": (Portion("train", classes=validation),),
        "held-out": (Portion("test"),),
    }


def _parse(trees: list[Tree], size: int, request: Request) -> Parsed:
    tables = [_table(tree) for tree in trees]
    classes = sorted({f"{a}/{c}" for table in tables for a, c, _ in table.values()})
    groups = sorted({f"{a}/drawer {d}" for table in tables for a, _, d in table.values()})
    overlap = {a for a, _, _ in tables[0].values()} & {a for a, _, _ in tables[1].values()}
    if overlap:
        raise DataError(
            f"{trees[0].path} and {trees[1].path} share alphabets ({', '.join(sorted(overlap))}); "
            "the background and evaluation sets must be different"
        )
    class_index = {name: index for index, name in enumerate(classes)}
    group_index = {name: index for index, name in enumerate(groups)}
    splits: dict[str, Split] = {}
    reading = Reading(size, "grey", upright=False)
    for split, tree, table in zip(("train", "test"), trees, tables, strict=True):
        names = sorted(table, key=lambda name: (table[name], name))
        slots = {name: index for index, name in enumerate(names)}
        images, _ = read_images(
            partial(tree.read, slots), slots, "omniglot", str(tree.path), reading, request.progress
        )
        np.subtract(255, images, out=images)  # published with black ink
        keys = [table[name] for name in names]
        splits[split] = Split(
            images,
            np.array([class_index[f"{a}/{c}"] for a, c, _ in keys], np.int32),
            np.array([group_index[f"{a}/drawer {d}"] for a, _, d in keys], np.int32),
        )
    return Parsed(splits, tuple(classes), tuple(groups))


def _table(tree: Tree) -> dict[str, tuple[str, str, str]]:
    table = {
        name: (match[1], match[2], match[3])
        for name in tree.names
        if (match := _MEMBER.match(name)) is not None
    }
    if not table:
        raise DataError(
            f"{tree.path}: no drawings found; expected ALPHABET/characterNN/NNNN_NN.png"
        )
    return table


SOURCE = Source(
    CARD,
    _load,
    files=FILES,
    folders=FOLDERS,
    options=("background",),
    example="omniglot?background=small1",
    find=find,
)
