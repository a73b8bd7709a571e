"""MNIST: handwritten digits, from its four published files."""

from __future__ import annotations

from metaplastic.data.dataset import Card, Dataset
from metaplastic.data.source import Remote, Request, Source
from metaplastic.data.sources import _idx_family

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
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def _remote(name: str, size: int, sha256: str) -> Remote:
    return Remote(name, tuple(f"{mirror}{name}" for mirror in _MIRRORS), f"sha256:{sha256}", size)


FILES = (
    _remote(
        "train-images-idx3-ubyte.gz",
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    _remote(
        "train-labels-idx1-ubyte.gz",
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    _remote(
        "t10k-images-idx3-ubyte.gz",
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    _remote(
        "t10k-labels-idx1-ubyte.gz",
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)


def _load(request: Request) -> Dataset:
    from metaplastic.data.sources import fashion_mnist

    names = tuple("0123456789")
    parsed = _idx_family.read(request, CARD.name, FOLDERS, names, fashion_mnist.FILES)
    return Dataset(CARD, parsed.splits, parsed.class_names, (28, 28))


SOURCE = Source(
    CARD,
    _load,
    files=FILES,
    folders=FOLDERS,
    find=lambda request: _idx_family.find(request, CARD.name, FOLDERS),
)
