"""text:PATH — texts, a folder per class, as a bag of the 1,000 commonest words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from metaplastic.data.arrays import holdout, user_card, user_dataset
from metaplastic.data.bag_of_words import decode_text, fit_bag
from metaplastic.data.cache import Parsed, cached, make_key
from metaplastic.data.dataset import Card, Dataset, Split
from metaplastic.data.layout import Layout, read_layout
from metaplastic.data.parsers.tree import Tree, open_tree
from metaplastic.data.progress import Progress
from metaplastic.data.source import Request, Source

VERSION = "1"
CARD = Card(
    name="text",
    title="texts, a folder per class",
    kind="text",
    origin="the user's directory, zip or tar file",
    licence="the user's",
    citation="none",
    role="user",
    summary="PATH/CLASS/*.txt, or PATH/train/CLASS/… and PATH/test/CLASS/…; counts of the 1,000 "
    "commonest words of the training texts",
)


def is_text(name: str) -> bool:
    return name.lower().endswith(".txt")


def _load(request: Request) -> Dataset:
    path = Path(request.rest).expanduser()
    tree = open_tree(path)
    key = make_key(["text", VERSION, tree.fingerprint, path.resolve()])
    parsed = cached("text", key, lambda: _parse(tree, request))
    card = user_card(f"text:{path}", "text", str(path))
    return user_dataset(card, parsed.splits, parsed.class_names, parsed.notes)


def _parse(tree: Tree, request: Request) -> Parsed:
    layout = read_layout(tree.names, is_text, str(tree.path), "texts (*.txt)")
    return parse_texts(tree, layout, request.progress)


def parse_texts(tree: Tree, layout: Layout, progress: Progress) -> Parsed:
    """Read the texts of a layout and count words; words are chosen on the train split alone."""
    texts: dict[str, str] = {}
    wanted = {name for files in layout.files.values() for name in files}
    for name, data in tree.read(wanted):
        texts[name] = decode_text(data, f"{tree.path}/{name}")
        if len(texts) % 1000 == 0:
            progress("reading texts", len(texts), len(wanted))
    names, labels, notes = dict(layout.files), dict(layout.labels), layout.notes
    if "test" not in names:
        # Which texts are tested must be settled before words are chosen.
        rows = np.arange(len(names["train"]))[:, None].astype(np.float32)
        split_rows, more = holdout(Split(rows, labels["train"]))
        notes += more
        for split, part in split_rows.items():
            chosen = np.asarray(part.inputs)[:, 0].astype(int)
            labels[split] = part.labels
            names[split] = [layout.files["train"][i] for i in chosen]
    progress("counting words", 0, None)
    others = [split for split in names if split != "train"]
    bags = fit_bag(
        [texts[name] for name in names["train"]],
        [[texts[name] for name in names[split]] for split in others],
    )
    matrices: dict[str, csr_matrix] = dict(zip(["train", *others], bags, strict=True))
    splits = {split: Split(matrices[split], labels[split]) for split in names}
    return Parsed(splits, layout.class_names, (), notes)


SOURCE = Source(CARD, _load, is_scheme=True, example="text:PATH")
