"""The 8×8 handwritten digits that ship with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaplastic.data.dataset import Card, Dataset, Split
from metaplastic.data.source import Request, Source

CARD = Card(
    name="digits",
    title="Optical recognition of handwritten digits",
    kind="image",
    origin="scikit-learn (sklearn.datasets.load_digits); UCI repository, its test set",
    licence="CC BY 4.0",
    citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI (1998)",
    role="held-out",
    summary="1,797 grey 8×8 images of digits; the last 360 are the test split",
)
TEST = 360  # the last fifth: the images are ordered by writer


def _load(request: Request) -> Dataset:
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    # Grey levels are 0 to 16.
    images = np.rint(np.asarray(bunch.images) * (255 / 16)).astype(np.uint8)
    labels = np.asarray(bunch.target, np.int32)
    splits = {
        "train": Split(images[:-TEST], labels[:-TEST]),
        "test": Split(images[-TEST:], labels[-TEST:]),
    }
    return Dataset(CARD, splits, tuple("0123456789"), (8, 8))


SOURCE = Source(CARD, _load)
