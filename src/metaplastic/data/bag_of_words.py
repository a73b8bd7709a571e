"""Texts as counts of the most common words of the training texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from metaplastic.errors import DataError

WORDS = 1000
_TAG = re.compile(r"<[^<>]{1,200}>")
_TOKEN = r"[^\W_]+(?:'[^\W_]+)?"


def fit_bag(
    train: Sequence[str],
    others: Sequence[Sequence[str]],
    vocabulary: Sequence[str] | None = None,
) -> tuple[tuple[str, ...], list[csr_matrix]]:
    """Return the words, and CSR counts (n, words) float32 of the training texts, then of `others`.

    The words are the (at most) 1,000 most common ones of the training texts alone, in alphabetical
    order, unless a vocabulary is given. Tags such as "<br />" are not words.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    bag = CountVectorizer(
        max_features=WORDS if vocabulary is None else None,
        vocabulary=vocabulary,
        token_pattern=_TOKEN,
        dtype=np.float32,  # pyright: ignore[reportArgumentType]
        preprocessor=_clean,
    )
    try:
        fitted = csr_matrix(bag.fit_transform(train))
    except ValueError as error:
        raise DataError("the training texts hold no words") from error
    counts = [fitted, *(csr_matrix(bag.transform(texts)) for texts in others)]
    return tuple(bag.get_feature_names_out()), [_sorted(matrix) for matrix in counts]


def is_word(text: str) -> bool:
    """Return whether a text is a word as counted by `fit_bag`."""
    return re.fullmatch(_TOKEN, text) is not None and text == text.lower()


def _clean(text: str) -> str:
    return _TAG.sub(" ", text).lower()


def _sorted(matrix: csr_matrix) -> csr_matrix:
    matrix.sort_indices()
    return matrix


def decode_text(data: bytes, where: str) -> str:
    """Decode the content of a text file. Raises DataError if it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: not UTF-8 text ({error.reason} at byte {error.start}); convert it to UTF-8"
        ) from error
