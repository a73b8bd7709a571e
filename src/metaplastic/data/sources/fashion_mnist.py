"""Fashion-MNIST: articles of clothing, in files with the names and format of MNIST's."""

from __future__ import annotations

from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.source import Request, Source
from metaplastic.data.sources import _idx_family, _idx_files

CARD = Card(
    name="fashion_mnist",
    title="Fashion-MNIST",
    kind="image",
    origin="https://github.com/zalandoresearch/fashion-mnist",
    licence="MIT",
    citation="Xiao, Rasul, Vollgraf, Fashion-MNIST, arXiv:1708.07747 (2017)",
    role="held-out",
    summary="60,000 and 10,000 grey 28×28 images, 10 classes",
)
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FOLDERS = ("fashion_mnist", "FashionMNIST", "FashionMNIST/raw", "fashion-mnist", "fashion")


def _load(request: Request) -> Dataset:
    parsed = _idx_family.read(request, CARD.name, FOLDERS, CLASS_NAMES, _idx_files.MNIST)
    return Dataset(CARD, parsed.splits, parsed.class_names, (28, 28))


SOURCE = Source(
    CARD,
    _load,
    files=_idx_files.FASHION_MNIST,
    folders=FOLDERS,
    find=lambda request: _idx_family.find(request, CARD.name, FOLDERS),
)
