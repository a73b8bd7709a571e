"""MNIST: handwritten digits, from its four published files."""

from __future__ import annotations

from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.source import Request, Source
from metaplastic.data.sources import _idx_family, _idx_files

CARD = Card(
    name="mnist",
    title="The MNIST database of handwritten digits",
    kind="image",
    origin="http://yann.lecun.com/exdb/mnist/",
    licence="CC BY-SA 3.0, as commonly stated",
    citation="LeCun, Cortes, Burges, The MNIST database of handwritten digits (1998)",
    role="held-out",
    summary="60,000 and 10,000 grey 28×28 images, 10 classes",
)
FOLDERS = ("mnist", "MNIST", "MNIST/raw")


def _load(request: Request) -> Dataset:
    names = tuple("0123456789")
    parsed = _idx_family.read(request, CARD.name, FOLDERS, names, _idx_files.FASHION_MNIST)
    return Dataset(CARD, parsed.splits, parsed.class_names, (28, 28))


SOURCE = Source(
    CARD,
    _load,
    files=_idx_files.MNIST,
    folders=FOLDERS,
    find=lambda request: _idx_family.find(request, CARD.name, FOLDERS),
)
