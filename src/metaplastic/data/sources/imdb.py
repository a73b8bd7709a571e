"""IMDB reviews as a bag of the 1,000 most common words of the training reviews."""

from __future__ import annotations

from pathlib import Path

from metaplastic.data.cache import Parsed, cached, make_key
from metaplastic.data.dataset import Card, Dataset, shape_of
from metaplastic.data.layout import read_layout
from metaplastic.data.locate import find_together
from metaplastic.data.parsers.archive import Limits
from metaplastic.data.parsers.tree import Tree, open_tree
from metaplastic.data.source import Remote, Request, Source
from metaplastic.data.sources.text import VERSION, is_text, parse_texts
from metaplastic.errors import DataError

CARD = Card(
    name="imdb",
    title="Large Movie Review Dataset",
    kind="text",
    origin="https://ai.stanford.edu/~amaas/data/sentiment/",
    licence="none stated; research use",
    citation="Maas et al., Learning Word Vectors for Sentiment Analysis, ACL (2011)",
    role="held-out",
    summary="25,000 and 25,000 reviews, 2 classes; counts of the 1,000 most common words",
)
FOLDERS = ("imdb", "IMDB", "aclImdb_v1")
FILES = (
    Remote(
        "aclImdb_v1.tar.gz",
        ("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
        "sha256:c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
        84125825,
    ),
)
_LIMITS = Limits(member=1 << 27, total=1 << 31)
_NAMES = ("aclImdb_v1.tar.gz", "aclImdb_labeled.tar.gz", "aclImdb")


def find(request: Request) -> list[Path]:
    """Find the archive, or the directory it unpacks to."""
    return find_together(CARD.name, request.roots, FOLDERS, [_NAMES])


def _is_review(name: str) -> bool:
    parts = name.split("/")
    return is_text(name) and len(parts) >= 3 and parts[-2] in ("pos", "neg")


def _load(request: Request) -> Dataset:
    tree = open_tree(find(request)[0], _LIMITS)
    key = make_key(["imdb", VERSION, tree.fingerprint, request.vocabulary])
    parsed = cached(CARD.name, key, lambda: _parse(tree, request))
    shape = shape_of(parsed.splits["train"].inputs)[1:]
    return Dataset(
        CARD,
        parsed.splits,
        parsed.class_names,
        shape,
        (),
        parsed.notes,
        feature_names=parsed.feature_names,
    )


def _parse(tree: Tree, request: Request) -> Parsed:
    names = filter(_is_review, tree.names)  # other published files are left out on purpose
    layout = read_layout(names, _is_review, str(tree.path), "reviews (train/pos/*.txt)")
    if layout.class_names != ("neg", "pos") or "test" not in layout.files:
        raise DataError(f"{tree.path}: expected train/pos, train/neg, test/pos and test/neg")
    return parse_texts(tree, layout, request.progress, request.vocabulary)


SOURCE = Source(CARD, _load, files=FILES, folders=FOLDERS, find=find)
