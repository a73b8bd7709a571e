"""text:PATH — texts, one folder per class, as a bag of the 1,000 most common words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metaplastic.data.arrays import holdout, user_card, user_dataset
from metaplastic.data.bag_of_words import decode_text, fit_bag
from metaplastic.data.cache import Parsed, cached, make_key
from metaplastic.data.dataset import Card, Dataset, Split, name_array
from metaplastic.data.layout import Layout, read_layout
from metaplastic.data.locate import user_path
from metaplastic.data.parsers.tree import Tree, open_tree
from metaplastic.data.source import Request, Source
from metaplastic.progress import Progress

VERSION = "3"
CARD = Card(
    name="text",
    title="texts, one folder per class",
    kind="text",
    origin="the user's directory, zip or tar file",
    licence="the user's",
    citation="none",
    role="user",
    summary="PATH/CLASS/*.txt, or PATH/train/CLASS/… and PATH/test/CLASS/…; counts of the 1,000 "
    "most common words of the training texts",
)


def is_text(name: str) -> bool:
    return name.lower().endswith(".txt")


def _load(request: Request) -> Dataset:
    path = user_path(request.rest)
    tree = open_tree(path)
    key = make_key(["text", VERSION, tree.fingerprint, path.resolve(), request.vocabulary])
    parsed = cached("text", key, lambda: _parse(tree, request))
    card = user_card(f"text:{path}", "text", str(path))
    return user_dataset(card, parsed.splits, parsed.class_names, parsed.notes, parsed.feature_names)


def _parse(tree: Tree, request: Request) -> Parsed:
    kind = "texts (*.txt)"
    layout = read_layout(
        tree.names, is_text, str(tree.path), kind, tree.empty, tree.broken, tree.hidden
    )
    return parse_texts(tree, layout, request.progress, request.vocabulary)


def parse_texts(
    tree: Tree, layout: Layout, progress: Progress, vocabulary: tuple[str, ...] | None = None
) -> Parsed:
    """Read the texts of a layout and count words, by default the train split's most common ones."""
    texts: dict[str, str] = {}
    wanted = {name for files in layout.files.values() for name in files}
    for name, data in tree.read(wanted):
        texts[name] = decode_text(data, f"{tree.path}/{name}")
        if len(texts) % 1000 == 0:
            progress("reading texts", len(texts), len(wanted))
    notes = layout.notes
    # Without inputs yet: the test texts must be known before words are chosen.
    splits = {
        split: Split(np.empty((len(files), 0)), layout.labels[split], names=name_array(files))
        for split, files in layout.files.items()
    }
    if "test" not in splits:
        splits, holdout_notes = holdout(splits["train"])
        notes += holdout_notes
    progress("counting words", 0, None)
    train, *others = ([texts[name] for name in np.asarray(part.names)] for part in splits.values())
    words, bags = fit_bag(train, others, vocabulary)
    splits = {
        split: replace(part, inputs=bag)
        for (split, part), bag in zip(splits.items(), bags, strict=True)
    }
    return Parsed(splits, layout.class_names, (), notes, words)


SOURCE = Source(CARD, _load, is_scheme=True, example="text:PATH")
