"""hf:NAME — a data set of the Hugging Face hub; needs the extra "hf"."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaplastic.data.arrays import (
    encode_labels,
    from_arrays,
    holdout,
    user_card,
    user_dataset,
)
from metaplastic.data.bag_of_words import fit_bag
from metaplastic.data.dataset import Card, Dataset, Split
from metaplastic.data.parsers.images import decode
from metaplastic.data.parsers.tree import read_file
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError, MissingExtraError

CARD = Card(
    name="hf",
    title="a data set of the Hugging Face hub",
    kind="image",
    origin="https://huggingface.co/datasets",
    licence="as stated there",
    citation="Lhoest et al., Datasets, EMNLP (2021)",
    role="user",
    summary="images or texts with one label each; input=COLUMN and label=COLUMN where they are not "
    "the first of their kind; config=NAME; @SIZE cuts to the central square and resizes",
)


def _load(request: Request) -> Dataset:
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError("datasets", "hf", f"hf:{request.rest}") from error
    name = request.rest
    try:
        found: Any = datasets.load_dataset(name, request.options.get("config"))
    except Exception as error:  # errors of the network, the hub and the builders
        text = str(error).split("\n")[0][:200] or type(error).__name__
        raise DataError(
            f"hf:{name} could not be had from the hub ({text}); check the name and the connection"
        ) from error
    dataset = _convert(request, found, datasets)
    unused = [f"{key} ({len(found[key]):,})" for key in found if key not in _used(found)]
    if not unused:
        return dataset
    note = f"splits of the hub that are left out: {', '.join(unused)}"
    return replace(dataset, notes=(*dataset.notes, note))


def _used(found: Any) -> list[str]:
    """The splits that are read: train, and test or else validation."""
    second = next((key for key in ("test", "validation") if key in found), None)
    return ["train"] if second is None else ["train", second]


def _convert(request: Request, found: Any, datasets: Any) -> Dataset:
    name, options = f"hf:{request.rest}", request.options
    if "train" not in found:
        raise DataError(f"{name} has no split 'train'; it has: {', '.join(found)}")
    features = found["train"].features
    label = options.get("label") or _first(features, "ClassLabel", "label", name)
    images = [key for key, kind in features.items() if type(kind).__name__ == "Image"]
    column = options.get("input") or (images[0] if images else "text")
    for key in (label, column):
        if key not in features:
            raise DataError(f"{name} has no column {key!r}; it has: {', '.join(features)}")
    parts = _used(found)
    labels = [np.asarray(found[part][label]) for part in parts]
    class_names = getattr(features[label], "names", None)
    if column in images:
        inputs = [_images(request, found[part], column, datasets) for part in parts]
        test = (inputs[1], labels[1]) if len(parts) == 2 else (None, None)
        return from_arrays(
            inputs[0], labels[0], *test, name=name, origin=CARD.origin, class_names=class_names
        )
    texts = [list(found[part][column]) for part in parts]
    return _texts(name, texts, labels, class_names, request.vocabulary)


def _first(features: Any, kind: str, fallback: str, name: str) -> str:
    for key, feature in features.items():
        if type(feature).__name__ == kind:
            return key
    if fallback in features:
        return fallback
    raise DataError(
        f"{name}: say which column is the label by ?label=COLUMN: {', '.join(features)}"
    )


def _images(request: Request, rows: Any, column: str, datasets: Any) -> NDArray[np.uint8]:
    # Undecoded: the bytes of the files go through the same decoder as everything else.
    rows = rows.cast_column(column, datasets.Image(decode=False))
    images: list[NDArray[np.uint8]] = []
    for index, row in enumerate(rows):
        where = f"hf:{request.rest}, row {index}"
        held = row[column] or {}
        data = held.get("bytes")
        if data is None and held.get("path"):  # the file lies beside, in the library's cache
            data = read_file(Path(held["path"]))
        if data is None:
            raise DataError(f"{where}: holds no image")
        images.append(decode(data, where, request.size))
        if index % 500 == 0:
            request.progress("reading images", index, len(rows))
    if len({image.ndim for image in images}) > 1:
        images = [x if x.ndim == 3 else np.repeat(x[..., None], 3, -1) for x in images]
    if len({image.shape for image in images}) > 1:
        raise DataError(f"hf:{request.rest}: images of several sizes; give one, as in NAME@32")
    return np.stack(images)


def _texts(
    name: str,
    texts: list[list[str]],
    labels: list[NDArray[Any]],
    class_names: list[str] | None,
    vocabulary: tuple[str, ...] | None,
) -> Dataset:
    parts, names = encode_labels(labels, name, class_names)
    splits = {
        split: Split(np.empty((len(part), 0)), part)
        for split, part in zip(("train", "test"), parts, strict=False)
    }
    notes: tuple[str, ...] = ()
    if len(texts) == 1:
        splits, notes = holdout(splits["train"])
        texts = [[texts[0][i] for i in np.asarray(part.rows)] for part in splits.values()]
    words, bags = fit_bag(texts[0], texts[1:], vocabulary)
    splits = {
        split: replace(part, inputs=bag)
        for (split, part), bag in zip(splits.items(), bags, strict=True)
    }
    return user_dataset(user_card(name, "text", CARD.origin), splits, names, notes, words)


SOURCE = Source(
    CARD,
    _load,
    is_scheme=True,
    options=("input", "label", "config"),
    example="hf:NAME@32?input=image&label=label",
)
