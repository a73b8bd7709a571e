"""Fashion-MNIST: articles of clothing, in files of the same names and format as MNIST."""

from __future__ import annotations

from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.source import Remote, Request, Source
from metaplastic.data.sources import _idx_family

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
_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)


def _remote(name: str, size: int, sha256: str) -> Remote:
    return Remote(name, tuple(f"{mirror}{name}" for mirror in _MIRRORS), f"sha256:{sha256}", size)


FILES = (
    _remote(
        "train-images-idx3-ubyte.gz",
        26421880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    _remote(
        "train-labels-idx1-ubyte.gz",
        29515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    _remote(
        "t10k-images-idx3-ubyte.gz",
        4422102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    _remote(
        "t10k-labels-idx1-ubyte.gz",
        5148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


def _load(request: Request) -> Dataset:
    from metaplastic.data.sources import mnist

    parsed = _idx_family.read(request, CARD.name, FOLDERS, CLASS_NAMES, mnist.FILES)
    return Dataset(CARD, parsed.splits, parsed.class_names, (28, 28))


SOURCE = Source(
    CARD,
    _load,
    files=FILES,
    folders=FOLDERS,
    find=lambda request: _idx_family.find(request, CARD.name, FOLDERS),
)
