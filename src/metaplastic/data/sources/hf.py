"""hf:NAME — a data set on the Hugging Face hub; needs the extra "hf"."""

from __future__ import annotations

from collections.abc import Iterator
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
from metaplastic.data.parsers.archive import LIMITS
from metaplastic.data.parsers.image_set import read_images
from metaplastic.data.parsers.images import Reading
from metaplastic.data.source import Request, Source
from metaplastic.errors import DataError, MissingExtraError
from metaplastic.files import read_bytes

CARD = Card(
    name="hf",
    title="a data set on the Hugging Face hub",
    kind="image",
    origin="https://huggingface.co/datasets",
    licence="as stated there",
    citation="Lhoest et al., Datasets, EMNLP (2021)",
    role="user",
    summary="images or texts with one label each; input=COLUMN and label=COLUMN if not the "
    "first of their kind; config=NAME; @SIZE crops to the central square and resizes",
)


def _load(request: Request) -> Dataset:
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError("datasets", "hf", f"hf:{request.rest}") from error
    name = request.rest
    try:
        loaded: Any = datasets.load_dataset(name, request.options.get("config"))
    except Exception as error:  # errors of the network, the hub and the builders
        text = str(error).split("\n")[0][:200] or type(error).__name__
        raise DataError(
            f"hf:{name} could not be fetched from the hub ({text}); check the name and the "
            "connection"
        ) from error
    dataset = _convert(request, loaded, datasets)
    unused = [f"{key} ({len(loaded[key]):,})" for key in loaded if key not in _used(loaded)]
    if not unused:
        return dataset
    note = f"splits left out: {', '.join(unused)}"
    return replace(dataset, notes=(*dataset.notes, note))


def _used(loaded: Any) -> list[str]:
    """Return the splits that are read: train, and test or otherwise validation."""
    second = next((key for key in ("test", "validation") if key in loaded), None)
    return ["train"] if second is None else ["train", second]


def _convert(request: Request, loaded: Any, datasets: Any) -> Dataset:
    name, options = f"hf:{request.rest}", request.options
    if "train" not in loaded:
        raise DataError(f"{name} has no split 'train'; it has: {', '.join(loaded)}")
    features = loaded["train"].features
    label = options.get("label") or _first(features, "ClassLabel", "label", name)
    images = [key for key, kind in features.items() if type(kind).__name__ == "Image"]
    column = options.get("input") or (images[0] if images else "text")
    for key in (label, column):
        if key not in features:
            raise DataError(f"{name} has no column {key!r}; it has: {', '.join(features)}")
    parts = _used(loaded)
    labels = [np.asarray(loaded[part][label]) for part in parts]
    class_names = getattr(features[label], "names", None)
    if column in images:
        inputs, notes = _images(request, loaded, parts, column, datasets)
        test = (inputs[1], labels[1]) if len(parts) > 1 else (None, None)
        dataset = from_arrays(
            inputs[0], labels[0], *test, name=name, origin=CARD.origin, class_names=class_names
        )
        return replace(dataset, notes=(*notes, *dataset.notes))
    texts = [list(loaded[part][column]) for part in parts]
    return _texts(name, texts, labels, class_names, request.vocabulary)


def _first(features: Any, kind: str, fallback: str, name: str) -> str:
    for key, feature in features.items():
        if type(feature).__name__ == kind:
            return key
    if fallback in features:
        return fallback
    raise DataError(
        f"{name}: say which column is the label with ?label=COLUMN: {', '.join(features)}"
    )


def _images(
    request: Request, loaded: Any, parts: list[str], column: str, datasets: Any
) -> tuple[list[NDArray[np.uint8]], tuple[str, ...]]:
    """Return the images of each part, all of one shape, and notes on them."""
    # Undecoded, so that the files go through the same decoder as all other images.
    tables = {
        part: loaded[part].cast_column(column, datasets.Image(decode=False)) for part in parts
    }
    rows = [(part, index) for part in parts for index in range(len(tables[part]))]
    slots = {f"{part}, row {index}": slot for slot, (part, index) in enumerate(rows)}

    def files() -> Iterator[tuple[str, bytes]]:
        for part in parts:
            for index, row in enumerate(tables[part]):
                name = f"{part}, row {index}"
                image = row[column] or {}
                data = image.get("bytes")
                if data is None and image.get("path"):  # the file is in the library's cache
                    data = read_bytes(Path(image["path"]), DataError, limit=LIMITS.member)
                if data is None:
                    raise DataError(f"hf:{request.rest}/{name}: holds no image")
                yield name, data

    name = f"hf:{request.rest}"
    images, notes = read_images(files, slots, name, name, Reading(request.size), request.progress)
    bounds = np.cumsum([len(tables[part]) for part in parts])[:-1]
    return np.split(images, bounds), notes


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
